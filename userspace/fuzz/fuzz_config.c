// SPDX-License-Identifier: GPL-2.0
/* libFuzzer: any bytes as kvmemd.conf. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the string before a syntax error. */
__attribute__((visibility("default")))
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

/* The names of one machine and their services are not what is tested. */
struct passwd *getpwnam(const char *name)
{
	static struct passwd root;

	return strcmp(name, "root") ? NULL : &root;
}

struct group *getgrnam(const char *name)
{
	static struct group root;

	return strcmp(name, "root") ? NULL : &root;
}

static void ignore(void *arg, const char *message)
{
	unsigned int *n = arg;

	/* Every error names the file. */
	if (strncmp(message, "F:", 2))
		abort();
	++*n;
}

static char *print(const struct config *config)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	config_print(config, f);
	fclose(f);
	return text;
}

/* What was understood is printed as something that is understood the same way. */
static void print_and_read(const struct config *config)
{
	char *one = print(config), *two;
	unsigned int errors = 0;
	struct config *again = config_parse("F", one, strlen(one), ignore, &errors);

	if (!again)
		abort();
	two = print(again);
	if (strcmp(one, two))
		abort();
	free(one);
	free(two);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int errors = 0;
	struct config *config = config_parse("F", (const char *)data, size, ignore, &errors);

	if (!config != !!errors)
		abort();
	if (config)
		print_and_read(config);
	config_free(config);
	return 0;
}
