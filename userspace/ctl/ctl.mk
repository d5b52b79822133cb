# SPDX-License-Identifier: GPL-2.0
# kvmemctl: control from the command line.
CTL_SRCS := $(addprefix ctl/,advice.c advice_json.c advice_print.c advice_read.c \
	advise.c args.c ask.c daemon.c decode.c decode_media.c decode_peer.c error.c events.c latency.c \
	latency_read.c main.c media.c media_json.c media_offline.c module.c nl.c \
	nl_event.c ns.c nvme.c nvme_sysfs.c object.c out.c parse.c peer.c policy.c policy_hist.c policy_print.c \
	pool.c quiesce.c rates.c ring.c ring_sim.c sample.c screen.c settings.c stats.c stats_delta.c \
	status.c sysfs.c top.c value_table.c)

$(O)/obj/ctl/%.o $(O)/san/ctl/%.o $(O)/san/tests/ctl_%.o: \
	override CFLAGS += $(shell pkg-config --cflags libnl-genl-3.0)

$(eval $(call program,kvmemctl,$(CTL_SRCS) $(MEDIA_SRCS) $(NL_SRCS) $(RING_SRCS) \
	$(COMMON_SRCS),$(NL_LIBS) $(MEDIA_LIBS) -ljansson -lm))
SBIN_PROGRAMS += kvmemctl
MANPAGES += man/kvmemctl.8

CTL_TEST_SRCS := $(addprefix ctl/,decode.c error.c latency.c out.c policy_print.c \
	stats_delta.c value_table.c) $(COMMON_SRCS)
$(eval $(call unittest,ctl_parse,tests/ctl_parse.c ctl/args.c ctl/error.c ctl/parse.c))
$(eval $(call unittest,ctl_latency,tests/ctl_latency.c $(CTL_TEST_SRCS),-lnl-3 -ljansson))
$(eval $(call unittest,ctl_out,tests/ctl_out.c $(CTL_TEST_SRCS),-lnl-3 -ljansson))
$(eval $(call unittest,ctl_advice,tests/ctl_advice.c $(addprefix ctl/,advice.c \
	advice_json.c advice_print.c advice_read.c) $(CTL_TEST_SRCS),-lnl-3 -ljansson -lm))
$(eval $(call unittest,ctl_top,tests/ctl_top.c $(addprefix ctl/,args.c daemon.c \
	parse.c rates.c screen.c) $(CTL_TEST_SRCS),-lnl-3 -ljansson -lutil))
$(eval $(call unittest,ctl_live,tests/ctl_live.c $(addprefix ctl/,args.c daemon.c decode_peer.c \
	events.c parse.c rates.c sample.c screen.c stats.c top.c) $(CTL_TEST_SRCS),-lnl-3 \
	-ljansson -lutil))
$(eval $(call unittest,ctl_media,tests/ctl_media.c $(addprefix ctl/,args.c decode.c \
	decode_media.c error.c media.c ns.c object.c out.c parse.c settings.c) nl/attr.c \
	$(COMMON_SRCS),$(NL_LIBS) -ljansson))
$(eval $(call unittest,ctl_peer,tests/ctl_peer.c $(addprefix ctl/,args.c ask.c daemon.c decode.c \
	decode_peer.c error.c out.c parse.c peer.c ring.c ring_sim.c) nl/attr.c $(RING_SRCS) \
	$(COMMON_SRCS),$(NL_LIBS) -ljansson -lm))
$(eval $(call unittest,test_report,tests/test_report.c daemon/report.c daemon/state_media.c \
	nl/attr.c ctl/advice_read.c common/latency.c,$(NL_LIBS) -ljansson -lm))

CTL_COMPLETION := $(PREFIX)/share/bash-completion/completions
install-ctl-completion:
	install -D -m 644 $(TOP)/completion/kvmemctl.bash \
		$(DESTDIR)$(CTL_COMPLETION)/kvmemctl
INSTALLS += install-ctl-completion
