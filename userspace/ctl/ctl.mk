# SPDX-License-Identifier: GPL-2.0
# kvmemctl: control from the command line.
CTL_SRCS := $(addprefix ctl/,args.c decode.c error.c events.c latency.c latency_read.c \
	main.c module.c nl.c nl_event.c ns.c object.c out.c parse.c policy.c \
	policy_hist.c policy_print.c pool.c quiesce.c settings.c stats.c \
	stats_delta.c status.c sysfs.c value_table.c)

$(O)/obj/ctl/%.o $(O)/san/ctl/%.o $(O)/san/tests/ctl_%.o: \
	override CFLAGS += $(shell pkg-config --cflags libnl-genl-3.0)

$(eval $(call program,kvmemctl,$(CTL_SRCS) $(COMMON_SRCS),-lnl-genl-3 -lnl-3 -ljansson))
SBIN_PROGRAMS += kvmemctl
MANPAGES += man/kvmemctl.8

CTL_TEST_SRCS := $(addprefix ctl/,decode.c error.c latency.c out.c policy_print.c \
	stats_delta.c value_table.c) $(COMMON_SRCS)
$(eval $(call unittest,ctl_parse,tests/ctl_parse.c ctl/args.c ctl/error.c ctl/parse.c))
$(eval $(call unittest,ctl_latency,tests/ctl_latency.c $(CTL_TEST_SRCS),-lnl-3 -ljansson))
$(eval $(call unittest,ctl_out,tests/ctl_out.c $(CTL_TEST_SRCS),-lnl-3 -ljansson))

CTL_COMPLETION := $(PREFIX)/share/bash-completion/completions
install-ctl-completion:
	install -D -m 644 $(TOP)/completion/kvmemctl.bash \
		$(DESTDIR)$(CTL_COMPLETION)/kvmemctl
INSTALLS += install-ctl-completion
