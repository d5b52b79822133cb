# SPDX-License-Identifier: GPL-2.0
# Metrics for Prometheus; programs that link them need $(METRICS_LIBS).
METRICS_RENDER_SRCS := $(addprefix daemon/,metrics_buffer.c metrics_class.c \
	metrics_media.c metrics_ns.c metrics_operation.c metrics_peer.c metrics_policy.c metrics_render.c \
	metrics_self.c metrics_text.c)
METRICS_SRCS := $(METRICS_RENDER_SRCS) daemon/metrics.c daemon/metrics_listen.c
METRICS_LIBS := -lmicrohttpd -lm

METRICS_TEST_SRCS := tests/test_metrics_state.c common/latency.c daemon/state_media.c \
	daemon/state_peer.c nl/attr.c
$(eval $(call unittest,test_metrics,tests/test_metrics.c $(METRICS_TEST_SRCS) \
	$(METRICS_RENDER_SRCS),$(NL_LIBS) -lm))
$(eval $(call unittest,test_metrics_http,tests/test_metrics_http.c $(METRICS_TEST_SRCS) \
	$(METRICS_SRCS) daemon/loop.c,$(NL_LIBS) $(METRICS_LIBS)))

METRICS_DATA := $(PREFIX)/share/kvmem
install-metrics:
	install -D -m 644 $(TOP)/dashboards/kvmem.json \
		$(DESTDIR)$(METRICS_DATA)/grafana/kvmem.json
	install -D -m 644 $(TOP)/dashboards/kvmem.rules.yml \
		$(DESTDIR)$(METRICS_DATA)/prometheus/kvmem.rules.yml
INSTALLS += install-metrics
