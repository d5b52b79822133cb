# SPDX-License-Identifier: GPL-2.0
# kvmemd: the daemon.
-include $(wildcard $(TOP)/daemon/policy.mk $(TOP)/daemon/metrics.mk $(TOP)/daemon/report.mk)

REPORT_SRCS ?= $(patsubst $(TOP)/%,%,$(wildcard $(TOP)/daemon/report*.c))

CONFIG_SRCS := $(addprefix daemon/,config.c config_cluster.c config_print.c config_scan.c config_value.c log.c) \
	ctl/parse.c
STATE_SRCS := $(addprefix daemon/,kernel.c read.c state.c state_media.c state_parse.c \
	state_peer.c)
CLUSTER_SRCS := $(addprefix daemon/,cluster.c cluster_kernel.c etcd.c map_json.c member_etcd.c \
	member_static.c member_table.c)
CLUSTER_LIBS := -ljansson -lcurl -lm
DAEMON_SRCS := $(addprefix daemon/,attach.c command.c control.c daemon.c link.c loop.c main.c reconcile.c \
	socket.c watch.c) $(CLUSTER_SRCS) $(CONFIG_SRCS) $(STATE_SRCS) $(RING_SRCS)

$(O)/obj/daemon/%.o $(O)/san/daemon/%.o $(O)/san/tests/daemon_%.o $(O)/san/tests/fake_kernel.o \
$(O)/san/tests/fake_cluster.o: \
	override CFLAGS += $(shell pkg-config --cflags libnl-genl-3.0 libconfig libsystemd)

DAEMON_LIBS := $(NL_LIBS) $(METRICS_LIBS) -lconfig -lsystemd -ljansson -lcurl -lm
$(eval $(call program,kvmemd,$(sort $(DAEMON_SRCS) $(NL_SRCS) $(COMMON_SRCS) $(POLICY_SRCS) \
	$(METRICS_SRCS) $(REPORT_SRCS)),$(DAEMON_LIBS)))
SBIN_PROGRAMS += kvmemd

$(eval $(call unittest,daemon_config,tests/daemon_config.c $(CONFIG_SRCS) $(POLICY_SRCS), \
	-lconfig -lsystemd -lm))

DAEMON_FAKE := tests/fake_kernel.c tests/fake_cluster.c $(STATE_SRCS) $(NL_SRCS)
$(eval $(call unittest,daemon_reconcile,tests/daemon_reconcile.c daemon/attach.c daemon/reconcile.c \
	$(DAEMON_FAKE) $(CONFIG_SRCS) $(POLICY_SRCS),$(NL_LIBS) -lconfig -lsystemd -lm))
$(eval $(call unittest,daemon_control,tests/daemon_control.c daemon/control.c \
	$(DAEMON_FAKE) $(CONFIG_SRCS),$(NL_LIBS) -lconfig -lsystemd))
$(eval $(call unittest,daemon_link,tests/daemon_link.c $(addprefix daemon/,attach.c control.c link.c \
	loop.c reconcile.c watch.c) $(CLUSTER_SRCS) $(RING_SRCS) $(DAEMON_FAKE) $(CONFIG_SRCS) $(POLICY_SRCS), \
	$(NL_LIBS) -lconfig -lsystemd $(CLUSTER_LIBS)))
$(eval $(call unittest,daemon_cluster,tests/daemon_cluster.c daemon/command.c ctl/ask.c daemon/loop.c $(CLUSTER_SRCS) $(RING_SRCS) \
	$(DAEMON_FAKE) $(CONFIG_SRCS) $(POLICY_SRCS),$(NL_LIBS) -lconfig -lsystemd $(CLUSTER_LIBS)))
$(eval $(call unittest,daemon_etcd,tests/daemon_etcd.c tests/etcd_server.c daemon/loop.c \
	$(CLUSTER_SRCS) $(RING_SRCS) $(DAEMON_FAKE) $(CONFIG_SRCS) $(POLICY_SRCS),\
	$(NL_LIBS) -lconfig -lsystemd $(CLUSTER_LIBS)))
$(eval $(call unittest,daemon_state,tests/daemon_state.c $(STATE_SRCS) $(NL_SRCS) \
	$(POLICY_SRCS),$(NL_LIBS) -lm))
$(eval $(call unittest,daemon_loop,tests/daemon_loop.c daemon/loop.c daemon/log.c \
	daemon/socket.c,-lsystemd))

# Where systemd, udev and we look for things.  A configuration that is there is kept.
SYSCONFDIR ?= /etc
SYSTEMD	:= $(PREFIX)/lib
DIST	:= $(TOP)/daemon/dist
EXAMPLES := $(PREFIX)/share/doc/kvmem/examples
MANPAGES += man/kvmemd.8 man/kvmemd.conf.5

install-daemon:
	install -d $(DESTDIR)$(SYSTEMD)/systemd/system
	sed 's,@SBINDIR@,$(SBINDIR),' $(DIST)/kvmemd.service.in \
		>$(DESTDIR)$(SYSTEMD)/systemd/system/kvmemd.service
	chmod 644 $(DESTDIR)$(SYSTEMD)/systemd/system/kvmemd.service
	install -D -m 644 $(DIST)/sysusers.conf $(DESTDIR)$(SYSTEMD)/sysusers.d/kvmem.conf
	install -D -m 644 $(DIST)/tmpfiles.conf $(DESTDIR)$(SYSTEMD)/tmpfiles.d/kvmem.conf
	install -D -m 644 $(DIST)/60-kvmem.rules $(DESTDIR)$(SYSTEMD)/udev/rules.d/60-kvmem.rules
	install -D -m 644 $(DIST)/modules-load.conf $(DESTDIR)$(EXAMPLES)/modules-load.conf
	install -D -m 644 $(DIST)/kvmemd.conf $(DESTDIR)$(EXAMPLES)/kvmemd.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/kvmem/kvmemd.conf || \
		install -D -m 644 $(DIST)/kvmemd.conf $(DESTDIR)$(SYSCONFDIR)/kvmem/kvmemd.conf
INSTALLS += install-daemon
