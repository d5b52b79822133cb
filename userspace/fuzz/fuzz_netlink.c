// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any bytes as what the kernel sends.
 *
 * The first byte says what for: an answer, a dump, an event or samples.  The
 * others are one datagram, which libnl gets from our recvmsg() instead of the
 * C library's; only sequence number and port are put right, which the fuzzer
 * could not guess.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/daemon_internal.h"
#include "daemon/log.h"
#include "daemon/state_parse.h"
#include "tests/fake_kernel.h"

#define FAMILY		30
#define MAX_DATAGRAM	65536

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t datagram[MAX_DATAGRAM];
static size_t datagram_len;

static struct fake_kernel fake;
static struct kvmemd d;
static struct knl nl;
static FILE *nowhere;

/* --- the system calls of libnl --- */

/* Not hidden, as everything else of ours is, or libnl would not find them. */
#define REPLACES	__attribute__((visibility("default")))

/* Make an answer of it to @request. */
static void put_right(const struct nlmsghdr *request)
{
	struct nlmsghdr nlh;
	size_t at = 0;

	while (at + sizeof(nlh) <= datagram_len) {
		memcpy(&nlh, datagram + at, sizeof(nlh));
		nlh.nlmsg_seq = request->nlmsg_seq;
		nlh.nlmsg_pid = request->nlmsg_pid;
		memcpy(datagram + at, &nlh, sizeof(nlh));
		if (nlh.nlmsg_len < sizeof(nlh) || nlh.nlmsg_len > datagram_len - at)
			return;
		at += NLMSG_ALIGN(nlh.nlmsg_len);
	}
}

REPLACES ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct nlmsghdr nlh;

	(void)fd;
	(void)flags;
	if (msg->msg_iovlen && msg->msg_iov->iov_len >= sizeof(nlh)) {
		memcpy(&nlh, msg->msg_iov->iov_base, sizeof(nlh));
		put_right(&nlh);
	}
	return (ssize_t)msg->msg_iov->iov_len;
}

REPLACES ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	size_t n = msg->msg_iov->iov_len;

	(void)fd;
	if (!datagram_len) {
		errno = EAGAIN;
		return -1;
	}
	if (n > datagram_len)
		n = datagram_len;
	memcpy(msg->msg_iov->iov_base, datagram, n);
	msg->msg_flags = n < datagram_len ? MSG_TRUNC : 0;
	msg->msg_controllen = 0;
	if (msg->msg_name)
		memcpy(msg->msg_name, &sa, sizeof(sa));
	msg->msg_namelen = sizeof(sa);
	if (flags & MSG_PEEK)
		return (ssize_t)(flags & MSG_TRUNC ? datagram_len : n);
	datagram_len = 0;
	return (ssize_t)n;
}

/* --- who reads it --- */

static int on_answer(const struct knl_msg *m, void *arg)
{
	static struct policy_hist hist;
	struct parsed_table table;
	uint32_t id;

	(void)arg;
	state_parse_ns(&d.state, m);
	state_parse_pool(&d.state, m);
	state_parse_stats(&d.state, m);
	state_parse_latency(&d.state, m);
	state_parse_media(&d.state, m);
	state_parse_hist(&hist, m, &id);
	state_parse_table(&table, m);
	return 0;
}

static void request(bool dump)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_NS_GET);
	struct knl_error e;
	char text[512];
	int rc;

	knl_put_string(msg, KVMEM_A_NAME, "fuzz");
	rc = dump ? knl_dump(&nl, msg, on_answer, NULL, NULL, &e) :
	     knl_call(&nl, msg, on_answer, NULL, &e);
	if (rc < 0)
		knl_error_text(&e, text, sizeof(text));
	nlmsg_free(msg);
}

static void event(knl_fn fn)
{
	struct knl_error e;

	knl_read_event(&nl, fn, &d, &e);
}

/* One namespace; with a policy, which is much to make, where samples look for one */
static void start(bool samples)
{
	fake_kernel_init(&fake);
	fake_add_ns(&fake, "n")->nr_files = 1;
	d.kernel = &fake.kernel;
	d.control = (struct control){ .k = &fake.kernel, .state = &d.state, .config = d.config };
	read_all(&fake.kernel, &d.state);
	if (samples)
		control_second(&d.control, 1000000000);
}

static void no_error(void *arg, const char *message)
{
	(void)arg;
	(void)message;
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	nowhere = fopen("/dev/null", "w");
	log_init(nowhere);
	log_set_level(LOG_DEBUG);
	d.config = config_parse("F", "", 0, no_error, NULL);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct knl_error e;

	if (!size || size > MAX_DATAGRAM || knl_open_socket(&nl, &e))
		return 0;
	nl.family = FAMILY;
	start((data[0] & 3) == 3);
	datagram_len = size - 1;
	memcpy(datagram, data + 1, datagram_len);
	switch (data[0] & 3) {
	case 0:
	case 1:
		request(data[0] & 1);
		break;
	case 2:
		event(link_event);
		break;
	case 3:
		event(link_samples);
		break;
	}
	datagram_len = 0;
	knl_close(&nl);
	state_clear(&d.state);
	return 0;
}
