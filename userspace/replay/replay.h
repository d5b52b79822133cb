/* SPDX-License-Identifier: GPL-2.0 */
/* kvmem-replay: what its parts share. */
#ifndef _REPLAY_H
#define _REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hist.h"
#include "lib/internal.h"
#include "trace.h"

#define MAX_CLIENTS	256

enum exit_code {
	EXIT_FINE	= 0,
	EXIT_WRONG	= 1,	/* a wrong byte, an error, a check that failed */
	EXIT_USAGE	= 2,
};

enum mode {
	MODE_COPY,
	MODE_LEASE,
	MODE_URING,
};

extern const char *const mode_names[];

/* Operations that are timed; the names are in report.c. */
enum timed {
	TIMED_GET,
	TIMED_PUT,
	TIMED_LEASE,
	TIMED_ALLOC,
	TIMED_COMMIT,
	TIMED_RELEASE,
	TIMED_NR,
};

enum progress {
	PROGRESS_AUTO,
	PROGRESS_ON,
	PROGRESS_OFF,
};

struct options {
	const char *trace_path;
	const char *device;
	const char *ns;
	uint8_t fingerprint[KVMEM_FINGERPRINT_LEN];
	uint64_t block_size;
	unsigned int clients;
	bool ordered;
	size_t limit;
	size_t skip;
	enum mode mode;
	unsigned int batch;
	unsigned int depth;
	bool use_buffers;
	bool no_cache;
	bool verify;
	bool refused_ok;
	uint64_t tier_size;
	double speed;
	enum progress progress;
	const char *json;
	double lru_tolerance;	/* < 0: no check */
	bool curve;
	unsigned int reattach_ms;
	const struct kvmem_sys *sys;
};

/**
 * struct stats - what a client counts; in shared memory
 * @requests: finished
 * @refused: PUTs for which there was no room, or that an upgrade cut short
 * @flash_hits: of the hits, those that were not in DRAM
 * @errors: anything else that failed
 * @wrong: hits with a wrong byte
 * @bytes_in, @bytes_out: copied or, by lease, made visible
 */
struct stats {
	uint64_t requests, references, hits, misses, flash_hits;
	uint64_t puts, existed, refused, errors, wrong, corrupt;
	uint64_t bytes_in, bytes_out;
	uint64_t reattached;
	uint64_t ops;
	struct hist hist[TIMED_NR];
};

/**
 * struct shared - memory of all processes of a run
 * @turn: request whose turn it is (ordered); a futex
 * @stop: somebody failed for good
 * @start_ns: when the replay began
 */
struct shared {
	uint32_t turn;
	uint32_t stop;
	uint64_t start_ns;
	struct stats stats[];
};

/**
 * struct client - one process of the replay
 * @work: of the mode
 */
struct client {
	const struct options *o;
	const struct trace *trace;
	struct shared *shared;
	struct stats *stats;
	unsigned int nr;
	uint64_t salt;
	struct kvmem *k;
	void *work;
};

/* A way to move blocks. */
struct mode_ops {
	int (*open)(struct client *c);
	/* All blocks of a request: look up, put what is missing. */
	int (*request)(struct client *c, const struct trace_request *r);
	void (*close)(struct client *c);
};

extern const struct mode_ops transfer_mode;	/* copy and uring */
extern const struct mode_ops lease_mode;

/* options.c: returns -1 to go on, or an exit code. */
int options_parse(struct options *o, int argc, char **argv);

/* client.c */
int client_run(struct client *c);
int client_open(const struct options *o, struct kvmem **k);
void client_error(struct client *c, const char *what, const uint8_t *key,
		  int err);
/* Count a hit and compare its bytes.  @tier: where it was. */
void client_hit(struct client *c, const uint8_t *key, uint64_t id,
		const void *data, uint64_t len, unsigned int tier);
/* Count the outcome of a PUT or COMMIT: @status, and was the key there? */
void client_put_done(struct client *c, const uint8_t *key, int status,
		     bool existed);
void client_miss(struct client *c, unsigned int res_flags);
uint64_t now_ns(void);

/* turns.c: requests in the order of the trace, over all processes */
int turn_wait(struct shared *s, uint32_t request);
void turn_pass(struct shared *s, uint32_t request);
void turn_stop(struct shared *s);
struct shared *shared_new(unsigned int clients);
void shared_free(struct shared *s, unsigned int clients);

/* run.c: fork the clients, wait for them.  0 or a negative errno. */
int run_clients(const struct options *o, const struct trace *t,
		struct shared *s);

/* progress.c */
struct progress_state {
	const struct options *o;
	const struct shared *s;
	size_t nr_requests;
	bool tty;
	uint64_t last_ns;
};
void progress_start(struct progress_state *p, const struct options *o,
		    const struct shared *s, size_t nr_requests);
void progress_tick(struct progress_state *p);
void progress_end(struct progress_state *p);

/* report.c */
struct result {
	struct stats total;
	struct kvmem_ns_info before, after;
	double seconds;
	double lru_rate;	/* %, < 0: not computed */
	bool lru_failed;
};
void result_sum(struct result *r, const struct shared *s, unsigned int clients);
void report_print(const struct options *o, const struct result *r);
int report_json(const struct options *o, const struct result *r);

/* curve.c: the exit code */
int curve_run(const struct options *o, const struct trace *t);

#endif /* _REPLAY_H */
