# SPDX-License-Identifier: LGPL-2.1-or-later
LIB_SRCS := $(addprefix lib/,attach.c batch.c block.c buffer.c crc32c.c \
	cuda.c 	events.c handle.c lease.c queue.c ring.c sys.c watch.c)
LIB_OBJS := $(call objs,obj,$(LIB_SRCS))
LIB_SO	:= libkvmem.so.$(LIB_VERSION)

lib: $(O)/lib/libkvmem.a $(O)/lib/$(LIB_SO) $(O)/lib/kvmem.pc

$(O)/lib/libkvmem.a: $(LIB_OBJS)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(O)/lib/$(LIB_SO): $(LIB_OBJS) $(TOP)/lib/libkvmem.map
	@mkdir -p $(@D)
	$(CC) $(KV_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libkvmem.so.1 \
		-Wl,--version-script=$(TOP)/lib/libkvmem.map -Wl,-z,defs \
		-o $@ $(LIB_OBJS) -luring -lpthread
	ln -sf $(LIB_SO) $(@D)/libkvmem.so.1
	ln -sf libkvmem.so.1 $(@D)/libkvmem.so

# made anew each time: it depends on PREFIX
$(O)/lib/kvmem.pc: $(TOP)/lib/kvmem.pc.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< > $@
FORCE:

install-lib: lib
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)/linux
	install -m 644 $(O)/lib/libkvmem.a $(DESTDIR)$(LIBDIR)/
	install -m 755 $(O)/lib/$(LIB_SO) $(DESTDIR)$(LIBDIR)/
	ln -sf $(LIB_SO) $(DESTDIR)$(LIBDIR)/libkvmem.so.1
	ln -sf libkvmem.so.1 $(DESTDIR)$(LIBDIR)/libkvmem.so
	install -m 644 $(O)/lib/kvmem.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 $(TOP)/lib/libkvmem.h $(DESTDIR)$(INCDIR)/
	install -m 644 $(UAPI)/linux/kvmem.h $(DESTDIR)$(INCDIR)/linux/

MANPAGES += man/libkvmem.3
