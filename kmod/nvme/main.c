// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem_nvme: NVMe controllers that kvmem drives itself.
 *
 * The table of ids is empty: a controller comes here only by its
 * driver_override, which "kvmemctl nvme take" sets.
 */
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "core/version.h"
#include "nvme/faults.h"
#include "nvme/nvme.h"

/* What removal waits for transfers under way */
#define REMOVE_DRAIN_MS	5000U
/* BAR 0 has registers up to here, then doorbells. */
#define BAR_MIN		(NVME_REG_DBS + 4096)

unsigned int kvmem_nvme_io_timeout_ms = 20000;
module_param_named(io_timeout_ms, kvmem_nvme_io_timeout_ms, uint, 0644);
MODULE_PARM_DESC(io_timeout_ms, "milliseconds after which a transfer's command is aborted");

unsigned int kvmem_nvme_admin_timeout_ms = 30000;
module_param_named(admin_timeout_ms, kvmem_nvme_admin_timeout_ms, uint, 0644);
MODULE_PARM_DESC(admin_timeout_ms, "milliseconds after which an admin command resets the controller");

unsigned int kvmem_nvme_io_depth = 128;
module_param_named(io_depth, kvmem_nvme_io_depth, uint, 0444);
MODULE_PARM_DESC(io_depth, "entries of a queue, 2 to 512");

unsigned int kvmem_nvme_queues;
module_param_named(queues, kvmem_nvme_queues, uint, 0444);
MODULE_PARM_DESC(queues, "queues with an interrupt of a controller, 0 = one for each processor");

unsigned int kvmem_nvme_poll_queues;
module_param_named(poll_queues, kvmem_nvme_poll_queues, uint, 0444);
MODULE_PARM_DESC(poll_queues, "queues without, for waiters who poll");

struct workqueue_struct *kvmem_nvme_wq;
struct workqueue_struct *kvmem_nvme_remove_wq;
static DEFINE_IDA(instances);

/* @lock guards the list of controllers that can be found. */
static struct {
	struct mutex lock;	/* see above */
	struct list_head list;
} controllers = {
	.lock = __MUTEX_INITIALIZER(controllers.lock),
	.list = LIST_HEAD_INIT(controllers.list),
};

/* References ------------------------------------------------------------------------- */

struct kvmem_nvme *kvmem_nvme_find(const char *name)
{
	struct kvmem_nvme *ctrl, *found = NULL;

	mutex_lock(&controllers.lock);
	list_for_each_entry(ctrl, &controllers.list, node)
		if (!strcmp(ctrl->name, name)) {
			kref_get(&ctrl->ref);
			found = ctrl;
		}
	mutex_unlock(&controllers.lock);
	return found;
}

static void ctrl_free(struct kref *ref)
{
	struct kvmem_nvme *ctrl = container_of(ref, struct kvmem_nvme, ref);

	pr_debug("controller %d destroyed\n", ctrl->instance);
	kvmem_nvme_ns_free_all(ctrl);
	pci_dev_put(ctrl->pdev);
	ida_free(&instances, ctrl->instance);
	kfree(ctrl->queue_of);
	kvfree(ctrl->queues);
	kfree(ctrl->id);
	kfree(ctrl);
}

void kvmem_nvme_put(struct kvmem_nvme *ctrl)
{
	kref_put(&ctrl->ref, ctrl_free);
}

static void publish(struct kvmem_nvme *ctrl)
{
	mutex_lock(&controllers.lock);
	list_add_tail(&ctrl->node, &controllers.list);
	mutex_unlock(&controllers.lock);
}

static void unpublish(struct kvmem_nvme *ctrl)
{
	mutex_lock(&controllers.lock);
	list_del_init(&ctrl->node);
	mutex_unlock(&controllers.lock);
}

/* Allocation ------------------------------------------------------------------------- */

static int ctrl_alloc_parts(struct kvmem_nvme *ctrl)
{
	unsigned int irqs = kvmem_nvme_queues ?: num_possible_cpus();

	ctrl->nr_poll = min(kvmem_nvme_poll_queues, num_possible_cpus());
	ctrl->first_poll = 1 + min(irqs, num_possible_cpus());
	ctrl->nr_queues = ctrl->first_poll + ctrl->nr_poll;
	ctrl->id = kzalloc(sizeof(*ctrl->id), GFP_KERNEL);
	ctrl->queues = kvcalloc(ctrl->nr_queues, sizeof(*ctrl->queues), GFP_KERNEL);
	ctrl->queue_of = kcalloc(nr_cpu_ids, sizeof(*ctrl->queue_of), GFP_KERNEL);
	return ctrl->id && ctrl->queues && ctrl->queue_of ? 0 : -ENOMEM;
}

static struct kvmem_nvme *ctrl_new(struct pci_dev *pdev)
{
	struct kvmem_nvme *ctrl = kzalloc(sizeof(*ctrl), GFP_KERNEL);

	if (!ctrl)
		return NULL;
	kref_init(&ctrl->ref);
	INIT_LIST_HEAD(&ctrl->node);
	INIT_LIST_HEAD(&ctrl->namespaces);
	spin_lock_init(&ctrl->state_lock);
	mutex_init(&ctrl->ns_lock);
	init_rwsem(&ctrl->gate);
	kvmem_nvme_admin_init(ctrl);
	kvmem_nvme_recover_init(ctrl);
	INIT_WORK(&ctrl->event_work, kvmem_nvme_event_work);
	ctrl->pdev = pci_dev_get(pdev);
	strscpy(ctrl->name, pci_name(pdev), sizeof(ctrl->name));
	ctrl->instance = ida_alloc(&instances, GFP_KERNEL);
	if (ctrl->instance < 0) {
		pci_dev_put(pdev);
		kfree(ctrl);
		return NULL;
	}
	pr_debug("controller %d created\n", ctrl->instance);
	if (ctrl_alloc_parts(ctrl)) {
		kvmem_nvme_put(ctrl);
		return NULL;
	}
	return ctrl;
}

/* Device ----------------------------------------------------------------------------- */

static int device_map(struct kvmem_nvme *ctrl)
{
	struct pci_dev *pdev = ctrl->pdev;
	resource_size_t len = pci_resource_len(pdev, 0);
	int ret;

	if (len < BAR_MIN)
		return -ENODEV;
	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	ret = pci_request_mem_regions(pdev, "kvmem_nvme");
	if (ret)
		goto disable;
	ctrl->bar = ioremap(pci_resource_start(pdev, 0), len);
	if (ctrl->bar)
		return 0;
	ret = -ENOMEM;
	pci_release_mem_regions(pdev);
disable:
	pci_disable_device(pdev);
	return ret;
}

static void device_unmap(struct kvmem_nvme *ctrl)
{
	iounmap(ctrl->bar);
	ctrl->bar = NULL;
	pci_release_mem_regions(ctrl->pdev);
	pci_disable_device(ctrl->pdev);
}

/* What the registers say, and whether we can live with it. */
static int device_check(struct kvmem_nvme *ctrl)
{
	size_t room = pci_resource_len(ctrl->pdev, 0) - NVME_REG_DBS;

	if (!kvmem_nvme_present(ctrl))
		return -ENODEV;
	ctrl->cap = lo_hi_readq(ctrl->bar + NVME_REG_CAP);
	ctrl->stride = NVME_CAP_STRIDE(ctrl->cap);
	if (NVME_CAP_MPSMIN(ctrl->cap) || !(NVME_CAP_CSS(ctrl->cap) & NVME_CAP_CSS_NVM)) {
		dev_err(&ctrl->pdev->dev, "no pages of 4 KiB, or no NVM commands\n");
		return -EOPNOTSUPP;
	}
	ctrl->nr_queues = min_t(size_t, ctrl->nr_queues, room / (8U << ctrl->stride));
	return dma_set_mask_and_coherent(&ctrl->pdev->dev, DMA_BIT_MASK(64));
}

/* One vector for the admin queue, one for each with an interrupt; or one for all. */
static int device_vectors(struct kvmem_nvme *ctrl)
{
	unsigned int want = min(ctrl->first_poll, ctrl->nr_queues);
	int nr = pci_alloc_irq_vectors(ctrl->pdev, 1, want, PCI_IRQ_MSIX | PCI_IRQ_MSI);

	if (nr < 0)
		return nr;
	ctrl->nr_vectors = nr;
	if (nr < ctrl->first_poll) {
		ctrl->first_poll = max(nr, 2);
		ctrl->nr_queues = min(ctrl->nr_queues, ctrl->first_poll + ctrl->nr_poll);
	}
	return 0;
}

static int queues_alloc(struct kvmem_nvme *ctrl)
{
	unsigned int depth = clamp(kvmem_nvme_io_depth, 2U, KVMEM_NVME_MAX_DEPTH);
	unsigned int max = NVME_CAP_MQES(ctrl->cap) + 1, i;
	int ret;

	ctrl->lists = dma_pool_create("kvmem_nvme", &ctrl->pdev->dev, KVMEM_NVME_LIST,
				      KVMEM_NVME_PAGE, 0);
	if (!ctrl->lists)
		return -ENOMEM;
	ret = kvmem_nvme_queue_alloc(ctrl, 0, KVMEM_NVME_ADMIN_DEPTH, 0, false);
	for (i = 1; !ret && i < ctrl->nr_queues; i++)
		ret = kvmem_nvme_queue_alloc(ctrl, i, min(depth, max),
					     i < ctrl->nr_vectors ? i : 0, i >= ctrl->first_poll);
	for (i = 0; !ret && i < ctrl->nr_queues; i++)
		ret = kvmem_nvme_queue_request_irq(&ctrl->queues[i]);
	return ret;
}

static void queues_free(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	for (i = 0; i < ctrl->nr_queues; i++)
		kvmem_nvme_queue_free_irq(&ctrl->queues[i]);
	/* Interrupts that are over may have ended something just now. */
	for (i = 0; i < ctrl->nr_queues; i++)
		if (ctrl->queues[i].ctrl)
			wait_event(ctrl->queues[i].idle, !READ_ONCE(ctrl->queues[i].nr_used));
	for (i = 0; i < ctrl->nr_queues; i++)
		kvmem_nvme_queue_free(&ctrl->queues[i]);
	kvmem_nvme_shadow_free(ctrl);
	dma_pool_destroy(ctrl->lists);
	ctrl->lists = NULL;
}

/* Which queue a processor uses: with its number, as long as there are so many. */
static void queues_assign(struct kvmem_nvme *ctrl)
{
	unsigned int nr = min(ctrl->first_poll, ctrl->nr_live) - 1, cpu;

	ctrl->nr_poll = ctrl->nr_live > ctrl->first_poll ? ctrl->nr_live - ctrl->first_poll : 0;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		ctrl->queue_of[cpu] = 1 + cpu % nr;
}

/* Up and down ------------------------------------------------------------------------ */

static int bring_up(struct kvmem_nvme *ctrl)
{
	int ret = kvmem_nvme_start(ctrl);

	if (ret)
		return ret;
	queues_assign(ctrl);
	/* Before anybody else may reset it, so its late commands are ours to end. */
	WRITE_ONCE(ctrl->starter, current);
	ret = kvmem_nvme_scan(ctrl);
	WRITE_ONCE(ctrl->starter, NULL);
	if (ret)
		return ret;
	kvmem_nvme_set_state(ctrl, KVMEM_NVME_LIVE);
	kvmem_nvme_go(ctrl);
	kvmem_nvme_watch(ctrl);
	return 0;
}

/*
 * After this nothing of ours touches the device, and the device none of our
 * memory.  Those who have it open keep the structure, and get errors:
 * submissions see a dead queue, others a closed gate.
 */
static void take_down(struct kvmem_nvme *ctrl, bool orderly)
{
	if (orderly && kvmem_nvme_present(ctrl)) {
		kvmem_nvme_report(ctrl, KVMEM_DEV_GONE);
		kvmem_nvme_stop(ctrl);
		kvmem_nvme_drain(ctrl, REMOVE_DRAIN_MS);
		kvmem_nvme_shutdown_notice(ctrl);
	}
	kvmem_nvme_stop(ctrl);
	kvmem_nvme_halt(ctrl);
	kvmem_nvme_kill(ctrl);
	cancel_work_sync(&ctrl->event_work);
	/* Their commands have ended, so they leave. */
	down_write(&ctrl->gate);
	up_write(&ctrl->gate);
	queues_free(ctrl);
	pci_free_irq_vectors(ctrl->pdev);
}

static int nvme_setup(struct kvmem_nvme *ctrl)
{
	int ret = device_check(ctrl);

	if (ret)
		return ret;
	ret = device_vectors(ctrl);
	if (ret)
		return ret;
	ret = queues_alloc(ctrl);
	if (ret) {
		queues_free(ctrl);
		pci_free_irq_vectors(ctrl->pdev);
		return ret;
	}
	ret = bring_up(ctrl);
	if (!ret)
		ret = kvmem_nvme_cdev_add(ctrl);
	if (!ret)
		return 0;
	kvmem_nvme_set_state(ctrl, KVMEM_NVME_REMOVING);
	cancel_delayed_work_sync(&ctrl->watchdog);
	cancel_work_sync(&ctrl->reset_work);
	take_down(ctrl, false);
	return ret;
}

static int nvme_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct kvmem_nvme *ctrl = ctrl_new(pdev);
	int ret;

	if (!ctrl)
		return -ENOMEM;
	pci_set_drvdata(pdev, ctrl);
	ret = device_map(ctrl);
	if (!ret) {
		ret = nvme_setup(ctrl);
		if (ret)
			device_unmap(ctrl);
	}
	if (ret) {
		dev_err(&pdev->dev, "not taken (%d)\n", ret);
		kvmem_nvme_put(ctrl);
		return ret;
	}
	pci_save_state(pdev);
	kvmem_nvme_faults_add(ctrl);
	publish(ctrl);
	dev_info(&pdev->dev, "taken: %u queues, %u of them polled\n", ctrl->nr_live - 1,
		 ctrl->nr_poll);
	return 0;
}

/* Unreachable first, then off, then its memory; see take_down(). */
static void nvme_remove(struct pci_dev *pdev)
{
	struct kvmem_nvme *ctrl = pci_get_drvdata(pdev);
	bool orderly;

	unpublish(ctrl);
	kvmem_nvme_cdev_del(ctrl);
	flush_work(&ctrl->reset_work);
	orderly = kvmem_nvme_get_state(ctrl) == KVMEM_NVME_LIVE;
	kvmem_nvme_set_state(ctrl, KVMEM_NVME_REMOVING);
	cancel_delayed_work_sync(&ctrl->watchdog);
	cancel_work_sync(&ctrl->reset_work);
	take_down(ctrl, orderly);
	/* Memory that others lent stays mapped for a device that has its driver. */
	kvmem_dma_forget(&pdev->dev);
	kvmem_nvme_faults_del(ctrl);
	device_unmap(ctrl);
	kvmem_nvme_put(ctrl);
}

static void nvme_shutdown(struct pci_dev *pdev)
{
	kvmem_nvme_suspend(&pdev->dev);
}

static DEFINE_SIMPLE_DEV_PM_OPS(nvme_pm_ops, kvmem_nvme_suspend, kvmem_nvme_resume);

static struct pci_driver nvme_driver = {
	.name		= "kvmem_nvme",
	.probe		= nvme_probe,
	.remove		= nvme_remove,
	.shutdown	= nvme_shutdown,
	.err_handler	= &kvmem_nvme_err_handlers,
	.dev_groups	= kvmem_nvme_groups,
	.driver.pm	= pm_sleep_ptr(&nvme_pm_ops),
};

/* Module ------------------------------------------------------------------------------- */

static int __init kvmem_nvme_init(void)
{
	int ret;

	kvmem_nvme_wq = alloc_workqueue("kvmem_nvme", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!kvmem_nvme_wq)
		return -ENOMEM;
	ret = -ENOMEM;
	kvmem_nvme_remove_wq = alloc_workqueue("kvmem_nvme_remove", WQ_UNBOUND, 0);
	if (!kvmem_nvme_remove_wq)
		goto destroy;
	ret = kvmem_media_backend_register(&kvmem_nvme_ops);
	if (ret)
		goto destroy_remove;
	kvmem_nvme_faults_init();
	ret = pci_register_driver(&nvme_driver);
	if (!ret)
		return 0;
	kvmem_nvme_faults_exit();
	kvmem_media_backend_unregister(&kvmem_nvme_ops);
destroy_remove:
	destroy_workqueue(kvmem_nvme_remove_wq);
destroy:
	destroy_workqueue(kvmem_nvme_wq);
	return ret;
}

static void __exit kvmem_nvme_exit(void)
{
	kvmem_media_backend_unregister(&kvmem_nvme_ops);
	pci_unregister_driver(&nvme_driver);
	/* Runs the last of remove_work: it has a reference, and code, of ours. */
	destroy_workqueue(kvmem_nvme_remove_wq);
	destroy_workqueue(kvmem_nvme_wq);
	kvmem_nvme_faults_exit();
	ida_destroy(&instances);
}

module_init(kvmem_nvme_init);
module_exit(kvmem_nvme_exit);

MODULE_DESCRIPTION("NVMe controllers as media of kvmem");
MODULE_LICENSE("GPL");
MODULE_VERSION(KVMEM_VERSION);
MODULE_IMPORT_NS("KVMEM");
