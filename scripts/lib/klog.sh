# shellcheck shell=bash
# Reading a kernel log. Used in the guest by guest-run and outside by the lanes.

# What must not appear while kvmem is tested, whoever caused it.
klog_bad='BUG:|WARNING:|Oops|KASAN|UBSAN|kernel panic|general protection fault|Unable to handle|invalid opcode'
klog_bad+='|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage|held lock freed|lockdep is turned off'
klog_bad+='|DEBUG_LOCKS_WARN_ON|trying to register non-static key|scheduling while atomic|sleeping function called'
klog_bad+='|blocked for more than|soft lockup|hard LOCKUP|rcu.*(detected stall|self-detected)|kmemleak: [0-9]+ new'
klog_bad+='|DMAR:.*fault|refcount_t:|ODEBUG|list_(add|del) corruption|Bad page state|page allocation failure|Call Trace:'

# klog_since MARKER: the kernel's log after the line that holds MARKER; status 1 when the marker is gone
klog_since() {
	dmesg -S | awk -v m="$1" 'seen { print } index($0, m) { seen = 1 } END { exit !seen }'
}

# klog_trouble MARKER: what must not appear in the log after the line that holds MARKER, each with what follows it.
# Every program is asked about this, so it costs two processes: one is a tenth of a second in an emulated machine.
klog_trouble() {
	dmesg -S | awk -v m="$1" -v bad="$klog_bad" '
	index($0, m) { seen = 1; next }
	!seen { next }
	$0 ~ bad { left = 31 }
	left && shown < 60 { print NR ": " $0; left--; shown++ }
	END { if (!seen) print "the log overflowed" }'
}

# klog_unpaired: standard input is a log; prints objects created and not destroyed, or the other way round.
# The modules print "kvmem: KIND ID created" and "kvmem: KIND ID destroyed".
klog_unpaired() {
	awk 'match($0, /kvmem[a-z_]*: [a-z_-]+ [^ ]+ (created|destroyed)$/) {
		n = split(substr($0, RSTART, RLENGTH), w, " ")
		object = w[2] " " w[3]
		if (w[n] == "created") live[object]++; else live[object]--
	}
	END { for (o in live) if (live[o]) print o ": " (live[o] > 0 ? "not destroyed" : "destroyed without created") }'
}
