// SPDX-License-Identifier: GPL-2.0
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "daemon/log.h"

#define FIELD_LEN	512
#define MAX_FIELDS	8

static const char * const names[] = {
	[LOG_ERR] = "err",
	[LOG_WARNING] = "warning",
	[LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static int max_level = LOG_INFO;
static bool journal;
static FILE *out;

void log_set_level(int level)
{
	max_level = level;
}

int log_level_of(const char *name)
{
	int i;

	for (i = LOG_ERR; i <= LOG_DEBUG; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

const char *log_level_name(int level)
{
	return names[level];
}

/* systemd.exec(5): the variable has device and inode of the journal's stream. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_init(FILE *to)
{
	out = to;
	journal = !to && is_journal();
}

/* --- journal --- */

struct entry {
	char text[MAX_FIELDS][FIELD_LEN];
	struct iovec iov[MAX_FIELDS];
	int n;
};

__attribute__((format(printf, 2, 3)))
static void field(struct entry *e, const char *fmt, ...)
{
	char *text = e->text[e->n];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, FIELD_LEN, fmt, ap);
	va_end(ap);
	e->iov[e->n] = (struct iovec){ text, strlen(text) };
	e->n++;
}

static void to_journal(int level, const char *file, int line, const char *func,
		       const struct log_fields *fields, const char *message)
{
	struct entry e = { .n = 0 };

	field(&e, "MESSAGE=%s", message);
	field(&e, "PRIORITY=%d", level);
	field(&e, "CODE_FILE=%s", file);
	field(&e, "CODE_LINE=%d", line);
	field(&e, "CODE_FUNC=%s", func);
	if (fields && fields->ns)
		field(&e, "KVMEM_NAMESPACE=%s", fields->ns);
	if (fields && fields->event)
		field(&e, "KVMEM_EVENT=%s", fields->event);
	sd_journal_sendv(e.iov, e.n);
}

void log_write(int level, const char *file, int line, const char *func,
	       const struct log_fields *fields, const char *fmt, ...)
{
	char message[FIELD_LEN - sizeof("MESSAGE=")];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (journal)
		to_journal(level, file, line, func, fields, message);
	else
		fprintf(out ?: stderr, "kvmemd: %s: %s\n", names[level], message);
}
