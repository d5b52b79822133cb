/* SPDX-License-Identifier: GPL-2.0 */
/* What the config_*.c files share. */
#ifndef KVMEMD_CONFIG_INTERNAL_H
#define KVMEMD_CONFIG_INTERNAL_H

#include <libconfig.h>

#include "daemon/config.h"

/**
 * struct config_reader - one reading
 * @file: name, for messages
 * @errors: told so far
 */
struct config_reader {
	const char *file;
	config_error_fn fn;
	void *arg;
	unsigned int errors;
};

__attribute__((format(printf, 3, 4)))
void config_error(struct config_reader *r, int line, const char *fmt, ...);

/*
 * What the library does not check, or does wrong (config_scan.c): returns a
 * text that means the same and has the same lines, to be freed; or NULL.
 */
char *config_scan(struct config_reader *r, const char *text, size_t len);

enum config_type {
	CONFIG_T_NAME,		/* of an object; char[KVMEM_NAME_LEN] */
	CONFIG_T_TEXT,		/* char[max] */
	CONFIG_T_PATH,		/* absolute; char[max] */
	CONFIG_T_MEDIA_PATH,	/* the same, or "nvme:..." */
	CONFIG_T_COUNT,		/* min to max; uint64_t */
	CONFIG_T_REAL,		/* 0 to max; double */
	CONFIG_T_SIZE,		/* uint64_t, bytes */
	CONFIG_T_SIZE_OF_RAM,	/* the same, or percent */
	CONFIG_T_DURATION,	/* uint64_t, ms */
	CONFIG_T_MODE,		/* uint64_t */
	CONFIG_T_USER,		/* uint64_t */
	CONFIG_T_GROUP,		/* uint64_t */
	CONFIG_T_FINGERPRINT,	/* 32 bytes */
	CONFIG_T_BOOL,		/* bool */
	CONFIG_T_POLICY,	/* int */
	CONFIG_T_LEVEL,		/* int, LOG_* */
	CONFIG_T_MEDIA_NAME,	/* the same as a name, but it names a directory, too */
	CONFIG_T_UUID,		/* 16 bytes */
	CONFIG_T_BUDGET,	/* struct config_budget */
	CONFIG_T_FLASH_MODE,	/* uint8_t, enum kvmem_flash_mode */
	CONFIG_T_PLACEMENT,	/* uint8_t, enum kvmem_placement */
	CONFIG_T_MEMBERSHIP,	/* int, enum config_membership */
	CONFIG_T_FLASH,		/* a group of its own, for the structure that has it */
};

/**
 * struct config_key - a row of a table of keys, ended by one without a name
 * @name: in the file
 * @type: what it takes
 * @offset: where it goes, in the structure of the group
 * @bit: of enum config_set, or 0; two keys with one bit are the same setting
 * @min, @max: see enum config_type
 */
struct config_key {
	const char *name;
	enum config_type type;
	size_t offset;
	uint32_t bit;
	uint64_t min, max;
};

/* Store the value of @setting at @base (config_value.c). */
void config_value(struct config_reader *r, const config_setting_t *setting,
		  const struct config_key *key, void *base);

/* Read @group into @base; @set (may be NULL) tells what it gave (config.c). */
void config_read_group(struct config_reader *r, const config_setting_t *group,
		       const struct config_key *keys, void *base, uint32_t *set);
/* A list of at most @max groups of @size bytes, or NULL; how many are in *@n. */
void *config_new_list(struct config_reader *r, const config_setting_t *setting,
		      const char *name, unsigned int max, size_t size, unsigned int *n);
bool config_want_group(struct config_reader *r, const config_setting_t *setting,
		       const char *name);
/* The text of a file of at most CONFIG_MAX_FILE, to be freed; or NULL, which was told. */
char *config_slurp(struct config_reader *r, size_t *len);
/* The section "cluster" (config_cluster.c) */
void config_read_cluster(struct config_reader *r, config_setting_t *setting,
			 struct config *c);
void config_default_cluster(struct config_cluster *cluster);

#endif
