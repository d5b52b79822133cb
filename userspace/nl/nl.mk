# SPDX-License-Identifier: GPL-2.0
# The netlink family "kvmem", for kvmemctl and kvmemd.
NL_SRCS := $(addprefix nl/,attr.c call.c error.c event.c open.c)
NL_LIBS := -lnl-genl-3 -lnl-3

$(O)/obj/nl/%.o $(O)/san/nl/%.o: \
	override CFLAGS += $(shell pkg-config --cflags libnl-genl-3.0)
