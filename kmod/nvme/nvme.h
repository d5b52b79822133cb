/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvmem_nvme.ko's own: a controller, its queues and namespaces.
 */
#ifndef KVMEM_NVME_H
#define KVMEM_NVME_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nvme.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "flash/media.h"
#include "nvme/prp.h"

struct dma_pool;
struct kvmem_nvme;
struct kvmem_nvme_queue;

/* A command id: the tag, and a generation that counts its uses. */
#define KVMEM_NVME_TAG_BITS	10
#define KVMEM_NVME_TAG_MASK	(BIT(KVMEM_NVME_TAG_BITS) - 1)
#define KVMEM_NVME_MAX_DEPTH	512U
#define KVMEM_NVME_ADMIN_DEPTH	32U
/* Admin commands that somebody waits for, at a time; the others are events and aborts. */
#define KVMEM_NVME_ADMIN_SYNC	16
#define KVMEM_NVME_MAX_NS	1024U

/* Status of a command that ended without the controller; no real one has this bit. */
#define KVMEM_NVME_CANCELLED	0x8000
#define KVMEM_NVME_NO_DEVICE	0x8001

/* module parameters, main.c */
extern unsigned int kvmem_nvme_io_timeout_ms;
extern unsigned int kvmem_nvme_admin_timeout_ms;
extern unsigned int kvmem_nvme_io_depth;
extern unsigned int kvmem_nvme_queues;
extern unsigned int kvmem_nvme_poll_queues;
extern struct workqueue_struct *kvmem_nvme_wq;
/* For what waits for work of the other */
extern struct workqueue_struct *kvmem_nvme_remove_wq;

/* Each is a file in sysfs; sysfs.c has their names. */
enum kvmem_nvme_count {
	KVMEM_NVME_TIMEOUTS,		/* commands not answered in time */
	KVMEM_NVME_ABORTS,		/* sent */
	KVMEM_NVME_RESETS,		/* begun */
	KVMEM_NVME_RETRIES,		/* commands sent again after a reset */
	KVMEM_NVME_STALE,		/* completions that belong to no command under way */
	KVMEM_NVME_MISSED,		/* completions found without an interrupt */
	KVMEM_NVME_ERRORS,		/* commands that the controller failed */
	KVMEM_NVME_EVENTS,		/* asynchronous events */
	KVMEM_NVME_NR_COUNTS
};

enum kvmem_nvme_req_state {
	KVMEM_NVME_FREE,	/* in queue->free */
	KVMEM_NVME_BUILT,	/* of whoever took it */
	KVMEM_NVME_HELD,	/* to be sent when the queue is enabled */
	KVMEM_NVME_SENT,	/* of the controller */
	KVMEM_NVME_ENDED,	/* of whoever took it off the completion queue */
};

/**
 * struct kvmem_nvme_req - a command, one for each tag
 * @node: in queue->free, or in a list of ended ones
 * @queue: it belongs to
 * @end: called once it has ended, with no lock held, any context
 * @owner: struct kvmem_io, or struct of admin.c
 * @cmd: as sent; its id changes with each sending
 * @list: KVMEM_NVME_LIST bytes for what does not fit the command
 * @list_dma: the same for the device
 * @runs: memory of the transfer, the device's addresses
 * @nr_runs: of them
 * @mapped: @runs are to be unmapped
 * @write: memory to device
 * @state: guarded by queue->lock, as all below
 * @tag: index in queue->reqs
 * @gen: of the id
 * @tries: sendings but the first
 * @aborting: an Abort has been sent for it
 * @timeout: jiffies from a sending to @deadline; 0: none
 * @deadline: jiffies, while it is sent
 * @status: of the controller (without phase), or KVMEM_NVME_CANCELLED, _NO_DEVICE
 * @result: dword 0 of the completion
 */
struct kvmem_nvme_req {
	struct list_head node;
	struct kvmem_nvme_queue *queue;
	void (*end)(struct kvmem_nvme_req *req);
	void *owner;
	struct nvme_command cmd;
	void *list;
	dma_addr_t list_dma;
	struct kvmem_dma_run *runs;
	unsigned int nr_runs;
	bool mapped;
	bool write;
	u8 state;
	u8 tries;
	bool aborting;
	u16 tag;
	u16 gen;
	u16 status;
	u32 result;
	unsigned long timeout;
	unsigned long deadline;
};

/**
 * struct kvmem_nvme_queue - a pair of queues
 * @ctrl: of it
 * @lock: guards all below but what is constant, and the doorbells; taken in
 *	interrupts, innermost
 * @sq: submission queue, @depth entries
 * @sq_tail: where the next command goes
 * @sq_rung: what the controller was told
 * @cq: completion queue, @depth entries
 * @cq_head: the next one to look at
 * @phase: of a new entry
 * @enabled: commands may be sent
 * @dead: commands end with an error
 * @free: tags nobody uses
 * @nr_used: the others
 * @nr_sent: in state KVMEM_NVME_SENT
 * @waiting: transfers that wait for a tag, oldest first
 * @idle: woken when @nr_used becomes 0
 * @plugs: tasks that will ring the doorbell
 * @commands: sent
 * @doorbells: writes to the device's register for submissions
 * @shadowed: of those, spared by shadow doorbells
 * @sq_db: doorbells; constant while enabled
 * @cq_db: the other
 * @sq_shadow: shadow doorbells, or NULL
 * @cq_shadow: the other
 * @sq_event: when the controller wants the real one
 * @cq_event: the other
 * @reqs: one for each tag
 * @qid: 0: admin
 * @depth: entries; one more than tags
 * @irq: Linux number; negative: none was requested
 * @polled: has no interrupt
 */
struct kvmem_nvme_queue {
	struct kvmem_nvme *ctrl;
	spinlock_t lock;	/* see above */
	struct nvme_command *sq;
	u16 sq_tail;
	u16 sq_rung;
	u16 cq_head;
	u8 phase;
	bool enabled;
	bool dead;
	bool polled;
	struct nvme_completion *cq;
	struct list_head free;
	unsigned int nr_used;
	unsigned int nr_sent;
	struct list_head waiting;
	u64 commands;
	u64 doorbells;
	u64 shadowed;
	u32 __iomem *sq_db;
	u32 __iomem *cq_db;
	__le32 *sq_shadow;
	__le32 *cq_shadow;
	__le32 *sq_event;
	__le32 *cq_event;
	struct kvmem_nvme_req *reqs;
	dma_addr_t sq_dma;
	dma_addr_t cq_dma;
	wait_queue_head_t idle;
	atomic_t plugs;
	u16 qid;
	u16 depth;
	int irq;
	unsigned int vector;
	char name[32];
};

enum kvmem_nvme_state {
	KVMEM_NVME_NEW,		/* being probed */
	KVMEM_NVME_LIVE,
	KVMEM_NVME_RESETTING,	/* reset_work is queued or runs; or suspended */
	KVMEM_NVME_DEAD,	/* no command will be sent any more */
	KVMEM_NVME_REMOVING,	/* the driver lets go */
};

/**
 * struct kvmem_nvme_ns - a namespace
 * @node: in ctrl->namespaces
 * @ctrl: of it
 * @nsid: its number
 * @shift: of the logical block
 * @limits: of commands
 * @geo: as kvmem sees it
 * @problem: why it cannot be used, or NULL
 * @dev: who has opened it, guarded by ctrl->ns_lock
 */
struct kvmem_nvme_ns {
	struct list_head node;
	struct kvmem_nvme *ctrl;
	u32 nsid;
	unsigned int shift;
	struct kvmem_nvme_limits limits;
	struct kvmem_geometry geo;
	const char *problem;
	struct kvmem_dev *dev;
};

struct kvmem_nvme_faults;

/**
 * struct kvmem_nvme - a controller
 * @ref: the driver has one, every open namespace and file one
 * @pdev: bound as long as @state is before KVMEM_NVME_REMOVING
 * @bar: registers; NULL when the driver has let go
 * @state_lock: guards @state; innermost, taken in interrupts
 * @starter: the task that brings the controller up, whose admin commands nobody
 *	else can end
 * @queues: the admin queue, and those for transfers; constant in number
 * @nr_queues: allocated, with the admin queue
 * @nr_live: created by the controller, with the admin queue; constant while a
 *	queue is enabled
 * @queue_of: by processor, the one to send to
 * @gate: held for reading by those who use the device for others (health, files);
 *	for writing by the driver before it lets go, when every command has ended
 * @ns_lock: guards @namespaces and their openers
 * @counts: KVMEM_NVME_NR_COUNTS
 */
struct kvmem_nvme {
	struct kref ref;
	struct list_head node;
	struct pci_dev *pdev;
	char name[16];
	int instance;
	void __iomem *bar;
	u64 cap;
	u32 stride;
	spinlock_t state_lock;	/* see above */
	enum kvmem_nvme_state state;
	struct task_struct *starter;
	struct kvmem_nvme_queue *queues;
	unsigned int nr_queues;
	unsigned int nr_live;
	unsigned int nr_vectors;
	unsigned int nr_poll;
	unsigned int first_poll;
	u16 *queue_of;
	struct dma_pool *lists;
	struct semaphore admin_slots;
	atomic_t aborts_left;
	struct rw_semaphore gate;
	struct mutex ns_lock;	/* see above */
	struct list_head namespaces;
	unsigned int nr_open;
	struct nvme_id_ctrl *id;
	u32 max_bytes;
	bool sgl;
	bool cache;
	__le32 *shadow;
	__le32 *events;
	dma_addr_t shadow_dma;
	dma_addr_t events_dma;
	struct work_struct reset_work;
	struct work_struct remove_work;
	struct work_struct event_work;
	struct delayed_work watchdog;
	u32 event;
	atomic64_t counts[KVMEM_NVME_NR_COUNTS];
	struct kvmem_nvme_faults *faults;
	struct kvmem_nvme_cdev *cdev;
};

static inline void kvmem_nvme_count(struct kvmem_nvme *ctrl, enum kvmem_nvme_count what)
{
	atomic64_inc(&ctrl->counts[what]);
}

static inline struct kvmem_nvme_queue *kvmem_nvme_admin_queue(struct kvmem_nvme *ctrl)
{
	return &ctrl->queues[0];
}

/* main.c */
struct kvmem_nvme *kvmem_nvme_find(const char *name);
void kvmem_nvme_put(struct kvmem_nvme *ctrl);

/* queue.c */
int kvmem_nvme_queue_alloc(struct kvmem_nvme *ctrl, unsigned int qid, unsigned int depth,
			   unsigned int vector, bool polled);
void kvmem_nvme_queue_free(struct kvmem_nvme_queue *q);
int kvmem_nvme_queue_request_irq(struct kvmem_nvme_queue *q);
void kvmem_nvme_queue_free_irq(struct kvmem_nvme_queue *q);
/* Empty, as the controller expects it when it is created. */
void kvmem_nvme_queue_init(struct kvmem_nvme_queue *q);
/* Sends what is held, and goes on with what waits. */
void kvmem_nvme_queue_enable(struct kvmem_nvme_queue *q);
void kvmem_nvme_queue_stop(struct kvmem_nvme_queue *q);
/*
 * The controller has let go of all commands: those that were sent again at most
 * @max_tries - 1 times are held, to be; the others end.  0: none is held.
 */
void kvmem_nvme_queue_hold(struct kvmem_nvme_queue *q, unsigned int max_tries);
/* The same without hope: everything ends with @status, now and from now on. */
void kvmem_nvme_queue_kill(struct kvmem_nvme_queue *q, u16 status);
/* Ends what the controller has completed; how many. */
unsigned int kvmem_nvme_queue_reap(struct kvmem_nvme_queue *q);

/*
 * A tag; or NULL: the queue is @dead, or none is free, and @node, when not NULL,
 * is at the head of those that wait, and whoever takes it from there goes on.
 */
struct kvmem_nvme_req *kvmem_nvme_get_req(struct kvmem_nvme_queue *q, struct list_head *node,
					  bool *dead);
/* Does not go on with those that wait: kvmem_nvme_feed() does. */
void kvmem_nvme_put_req(struct kvmem_nvme_req *req);
void kvmem_nvme_feed(struct kvmem_nvme_queue *q);
/* Send, without telling the controller yet; @timeout in jiffies, 0: none.  -ENODEV: dead. */
int kvmem_nvme_send(struct kvmem_nvme_req *req, unsigned long timeout);
void kvmem_nvme_ring(struct kvmem_nvme_queue *q);
/* Wait behind those that do; false: nobody does. */
bool kvmem_nvme_park_behind(struct kvmem_nvme_queue *q, struct list_head *node);

/* admin.c */
void kvmem_nvme_admin_init(struct kvmem_nvme *ctrl);

/* Memory of an admin command, zeroed, in one run for the device. */
struct kvmem_nvme_buf {
	void *data;
	dma_addr_t dma;
	size_t len;
};

int kvmem_nvme_buf_alloc(struct kvmem_nvme *ctrl, struct kvmem_nvme_buf *buf, size_t len);
void kvmem_nvme_buf_free(struct kvmem_nvme *ctrl, struct kvmem_nvme_buf *buf);
/*
 * Send, and wait for the end, which comes in bounded time: the controller is
 * reset when it does not answer.  0, a status of NVMe, or a negative errno.
 * @buf may be NULL.
 */
int kvmem_nvme_admin(struct kvmem_nvme *ctrl, struct nvme_command *cmd,
		     const struct kvmem_nvme_buf *buf, u32 *result);
int kvmem_nvme_identify(struct kvmem_nvme *ctrl, u8 cns, u32 nsid,
			const struct kvmem_nvme_buf *buf);
int kvmem_nvme_get_log(struct kvmem_nvme *ctrl, u8 lid, u32 nsid,
		       const struct kvmem_nvme_buf *buf, size_t len);
int kvmem_nvme_set_feature(struct kvmem_nvme *ctrl, u32 fid, u32 dword11, u32 *result);
/* Nobody waits for these. */
void kvmem_nvme_send_abort(struct kvmem_nvme *ctrl, u16 qid, u16 cid);
void kvmem_nvme_send_event_request(struct kvmem_nvme *ctrl);
/* A positive status of NVMe as an errno; others as they are. */
int kvmem_nvme_errno(int status);

/* ctrl.c: the stages */
int kvmem_nvme_start(struct kvmem_nvme *ctrl);
/* After kvmem_nvme_start(): transfers go on. */
void kvmem_nvme_go(struct kvmem_nvme *ctrl);
/* No queue sends any more. */
void kvmem_nvme_stop(struct kvmem_nvme *ctrl);
/* Off: the controller touches no memory any more.  Always true afterwards. */
int kvmem_nvme_halt(struct kvmem_nvme *ctrl);
void kvmem_nvme_shutdown_notice(struct kvmem_nvme *ctrl);
/* Stopped before: wait until the controller has nothing of ours, at most @ms. */
bool kvmem_nvme_drain(struct kvmem_nvme *ctrl, unsigned int ms);
bool kvmem_nvme_present(struct kvmem_nvme *ctrl);
void kvmem_nvme_shadow_free(struct kvmem_nvme *ctrl);

/* recover.c */
/* False: the device is not to be touched.  Else kvmem_nvme_leave() follows. */
bool kvmem_nvme_enter(struct kvmem_nvme *ctrl);
void kvmem_nvme_leave(struct kvmem_nvme *ctrl);
bool kvmem_nvme_set_state(struct kvmem_nvme *ctrl, enum kvmem_nvme_state to);
enum kvmem_nvme_state kvmem_nvme_get_state(struct kvmem_nvme *ctrl);
void kvmem_nvme_recover_init(struct kvmem_nvme *ctrl);
void kvmem_nvme_reset(struct kvmem_nvme *ctrl, const char *why);
/* Everything ends; every open namespace is told. */
void kvmem_nvme_kill(struct kvmem_nvme *ctrl);
void kvmem_nvme_watch(struct kvmem_nvme *ctrl);
int kvmem_nvme_suspend(struct device *dev);
int kvmem_nvme_resume(struct device *dev);
extern const struct pci_error_handlers kvmem_nvme_err_handlers;

/* io.c */
void kvmem_nvme_submit(struct kvmem_dev *dev, struct kvmem_io *io);
int kvmem_nvme_poll(struct kvmem_dev *dev);
/* Go on with a transfer that has waited for a tag; in kvmem_io.backend. */
void kvmem_nvme_io_continue(struct kvmem_nvme_queue *q, struct list_head *node);
/* A transfer that waited ends, nothing of it is under way. */
void kvmem_nvme_io_cancel(struct list_head *node, int status);

/* ns.c */
int kvmem_nvme_scan(struct kvmem_nvme *ctrl);
void kvmem_nvme_report(struct kvmem_nvme *ctrl, enum kvmem_dev_trouble what);
void kvmem_nvme_ns_free_all(struct kvmem_nvme *ctrl);
extern const struct kvmem_media_ops kvmem_nvme_ops;

/* event.c */
void kvmem_nvme_event(struct kvmem_nvme *ctrl, u32 result);
void kvmem_nvme_event_work(struct work_struct *work);

/* sysfs.c */
extern const struct attribute_group *kvmem_nvme_groups[];

/* cdev.c */
int kvmem_nvme_cdev_add(struct kvmem_nvme *ctrl);
void kvmem_nvme_cdev_del(struct kvmem_nvme *ctrl);

/* faults.c */
void kvmem_nvme_faults_init(void);
void kvmem_nvme_faults_exit(void);
void kvmem_nvme_faults_add(struct kvmem_nvme *ctrl);
void kvmem_nvme_faults_del(struct kvmem_nvme *ctrl);

#endif
