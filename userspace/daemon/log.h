/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages: to the journal with fields when standard error is connected to
 * it, as lines with the level before them otherwise.
 */
#ifndef KVMEMD_LOG_H
#define KVMEMD_LOG_H

#include <stdio.h>
#include <syslog.h>

/*
 * Fields of a message; NULL = without.  The journal has them as
 * KVMEM_NAMESPACE and KVMEM_EVENT.
 */
struct log_fields {
	const char *ns;
	const char *event;
};

/* Messages above @level, LOG_ERR to LOG_DEBUG, are not written. */
void log_set_level(int level);
/* "err", "warning", "notice", "info" or "debug": the level, or -1 */
int log_level_of(const char *name);
const char *log_level_name(int level);
/* Find out where standard error goes; @to replaces it, for tests. */
void log_init(FILE *to);

__attribute__((format(printf, 6, 7)))
void log_write(int level, const char *file, int line, const char *func,
	       const struct log_fields *fields, const char *fmt, ...);

#define log_at(level, fields, ...) \
	log_write(level, __FILE__, __LINE__, __func__, fields, __VA_ARGS__)

#define log_err(...)	log_at(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...)	log_at(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...)	log_at(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...)	log_at(LOG_DEBUG, NULL, __VA_ARGS__)
/* About a namespace */
#define log_ns(level, name, what, ...) \
	log_at(level, &((struct log_fields){ .ns = (name), .event = (what) }), __VA_ARGS__)

#endif
