# SPDX-License-Identifier: LGPL-2.1-or-later
# Built, so that they keep compiling; not installed.
EXAMPLES := $(addprefix $(O)/examples/,put_get prefix cuda)

$(O)/examples/%: $(TOP)/examples/%.c $(O)/lib/libkvmem.a
	@mkdir -p $(@D)
	$(CC) $(KV_CFLAGS) $(LDFLAGS) -o $@ $^ -luring -lpthread

all: $(EXAMPLES)
