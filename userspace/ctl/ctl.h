/* SPDX-License-Identifier: GPL-2.0 */
/* kvmemctl: what all commands share. */
#ifndef _KVMEMCTL_H
#define _KVMEMCTL_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/args.h"

/* Exit status; documented in kvmemctl(8), scripts rely on it */
enum ctl_exit {
	CTL_OK		= 0,
	CTL_FAILED	= 1,
	CTL_USAGE	= 2,
	CTL_NO_MODULE	= 3,
	CTL_NOT_PERMITTED = 4,
	CTL_NO_OBJECT	= 5,
	CTL_NO_DAEMON	= 6,
};

struct ctl_nl;

/**
 * struct ctl - one run of the program
 * @command: what runs, for messages
 * @json: JSON instead of tables
 * @args: the command's options and operands
 * @nl: the kernel
 */
struct ctl {
	const struct command *command;
	bool json;
	struct args *args;
	struct ctl_nl *nl;
};

/**
 * struct command - a row of the table of commands
 * @name: one or two words
 * @usage: operands and options, for the usage line
 * @help: one line
 * @specs: options, ended by one without a name; NULL = none
 * @min: operands needed
 * @max: operands taken
 * @run: does it; returns enum ctl_exit
 */
struct command {
	const char *name;
	const char *usage;
	const char *help;
	const struct arg_spec *specs;
	int min, max;
	int (*run)(struct ctl *c);
};

extern const struct command ctl_commands[];

/* To standard error, after "kvmemctl: COMMAND: " */
__attribute__((format(printf, 1, 2)))
void ctl_error(const char *fmt, ...);
/* The same; returns CTL_USAGE */
__attribute__((format(printf, 1, 2)))
int ctl_usage(const char *fmt, ...);
/* Name the command in later messages. */
void ctl_error_prefix(const char *command);
/* Put messages into @buf instead, each over the one before; NULL: no longer. */
void ctl_error_keep(char *buf, size_t size);
/* The exit status that tells @err, an errno */
int ctl_exit_of(int err);

/* Commands */
extern const struct arg_spec ns_create_specs[], ns_set_specs[], pool_specs[];
extern const struct arg_spec stats_specs[], arena_specs[], policy_set_specs[];
extern const struct arg_spec policy_hist_specs[], quiesce_specs[], events_specs[];
extern const struct arg_spec status_specs[], advise_specs[], top_specs[];
extern const struct arg_spec peer_add_specs[], peer_drain_specs[];
extern const struct arg_spec ring_simulate_specs[];
extern const struct arg_spec nvme_take_specs[], nvme_release_specs[];

int cmd_ns_create(struct ctl *c);
int cmd_ns_set(struct ctl *c);
int cmd_ns_delete(struct ctl *c);
int cmd_ns_list(struct ctl *c);
int cmd_ns_show(struct ctl *c);
int cmd_pool_create(struct ctl *c);
int cmd_pool_set(struct ctl *c);
int cmd_pool_delete(struct ctl *c);
int cmd_pool_list(struct ctl *c);
int cmd_pool_show(struct ctl *c);
int cmd_stats(struct ctl *c);
int cmd_status(struct ctl *c);
int cmd_arena_set(struct ctl *c);
int cmd_advise(struct ctl *c);
int cmd_top(struct ctl *c);
int cmd_policy_show(struct ctl *c);
int cmd_policy_set(struct ctl *c);
int cmd_policy_hist(struct ctl *c);
int cmd_quiesce(struct ctl *c);
int cmd_resume(struct ctl *c);
int cmd_events(struct ctl *c);
int cmd_nvme_list(struct ctl *c);
int cmd_nvme_take(struct ctl *c);
int cmd_nvme_release(struct ctl *c);
int cmd_peer_list(struct ctl *c);
int cmd_peer_show(struct ctl *c);
int cmd_peer_add(struct ctl *c);
int cmd_peer_delete(struct ctl *c);
int cmd_peer_drain(struct ctl *c);
int cmd_peer_undrain(struct ctl *c);
int cmd_ring_show(struct ctl *c);
int cmd_ring_owners(struct ctl *c);
int cmd_ring_simulate(struct ctl *c);

#endif /* _KVMEMCTL_H */
