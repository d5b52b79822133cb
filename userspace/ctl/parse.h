/* SPDX-License-Identifier: GPL-2.0 */
/* Text from the command line to numbers.  All return 0 or -EINVAL, -ERANGE. */
#ifndef _KVMEMCTL_PARSE_H
#define _KVMEMCTL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number of at most @max */
int parse_count(const char *text, uint64_t max, uint64_t *value);
/* A decimal number above 0, perhaps with a fraction */
int parse_real(const char *text, double *value);
/*
 * Bytes: a decimal number, perhaps with a fraction, and K, M, G or T (binary;
 * "k", "Ki" and "KiB" mean the same), at most INT64_MAX.
 */
int parse_size(const char *text, uint64_t *bytes);
/*
 * Milliseconds: a number, perhaps with a fraction, and ms, s, m, h or d; the
 * unit is @unit_ms when none is given.
 */
int parse_duration(const char *text, uint64_t unit_ms, uint64_t max, uint64_t *ms);
/* Octal, read and write bits only */
int parse_mode(const char *text, uint16_t *mode);
/* Exactly 2 * @n hex digits, "0x" before them allowed */
int parse_hex(const char *text, uint8_t *bytes, size_t n);
/* A UUID, 32 hex digits, with the usual dashes or none */
int parse_uuid(const char *text, uint8_t uuid[16]);
/* "off", "through" or "back": enum kvmem_flash_mode */
int parse_flash_mode(const char *text, uint8_t *mode);
/* "local", "owner" or "both": enum kvmem_placement */
int parse_placement(const char *text, uint8_t *placement);
/* "on", "yes", "1", "true" or the contrary */
int parse_bool(const char *text, bool *value);
/* @n numbers of at most 65535, separated by commas or blanks */
int parse_u16_list(const char *text, uint16_t *values, size_t n);
/* A user's or group's name or number */
int parse_user(const char *text, uint32_t *uid);
int parse_group(const char *text, uint32_t *gid);

/* Digits only: an object's id rather than its name */
bool name_is_id(const char *text);
/* What is wrong with the name of an object, or NULL */
const char *name_problem(const char *text);
/* The same for an object that is to be made */
const char *new_name_problem(const char *text);

#endif /* _KVMEMCTL_PARSE_H */
