// SPDX-License-Identifier: GPL-2.0
/* Attributes: the reading side believes no length. */
#include <string.h>

#include "nl/nl.h"

static int put(struct nl_msg *msg, int attr, const void *data, size_t len)
{
	return nla_put(msg, attr, (int)len, data) ? -1 : 0;
}

int knl_put_u8(struct nl_msg *msg, int attr, uint8_t v)
{
	return put(msg, attr, &v, sizeof(v));
}

int knl_put_u16(struct nl_msg *msg, int attr, uint16_t v)
{
	return put(msg, attr, &v, sizeof(v));
}

int knl_put_u32(struct nl_msg *msg, int attr, uint32_t v)
{
	return put(msg, attr, &v, sizeof(v));
}

int knl_put_u64(struct nl_msg *msg, int attr, uint64_t v)
{
	return put(msg, attr, &v, sizeof(v));
}

int knl_put_string(struct nl_msg *msg, int attr, const char *text)
{
	return put(msg, attr, text, strlen(text) + 1);
}

/* Numbers may have grown since we were built: then the low half is theirs. */
static bool get(const struct nlattr *nla, void *v, size_t len)
{
	if (!nla || (size_t)nla_len(nla) < len)
		return false;
	memcpy(v, nla_data(nla), len);
	return true;
}

bool knl_get_u8(const struct nlattr *nla, uint8_t *v)
{
	return get(nla, v, sizeof(*v));
}

bool knl_get_u16(const struct nlattr *nla, uint16_t *v)
{
	return get(nla, v, sizeof(*v));
}

bool knl_get_u32(const struct nlattr *nla, uint32_t *v)
{
	return get(nla, v, sizeof(*v));
}

bool knl_get_u64(const struct nlattr *nla, uint64_t *v)
{
	return get(nla, v, sizeof(*v));
}

bool knl_get_binary(const struct nlattr *nla, void *v, size_t len)
{
	return nla && (size_t)nla_len(nla) == len && get(nla, v, len);
}

bool knl_get_string(const struct nlattr *nla, char *v, size_t len)
{
	size_t n;

	if (!nla)
		return false;
	n = strnlen(nla_data(nla), (size_t)nla_len(nla));
	if (n >= len)
		n = len - 1;
	memcpy(v, nla_data(nla), n);
	v[n] = 0;
	return true;
}
