# SPDX-License-Identifier: GPL-2.0
# kvmem_nvme.ko
kvmem_nvme-y += kmod/nvme/main.o
kvmem_nvme-y += kmod/nvme/admin.o
kvmem_nvme-y += kmod/nvme/cdev.o
kvmem_nvme-y += kmod/nvme/ctrl.o
kvmem_nvme-y += kmod/nvme/event.o
kvmem_nvme-y += kmod/nvme/faults.o
kvmem_nvme-y += kmod/nvme/io.o
kvmem_nvme-y += kmod/nvme/ns.o
kvmem_nvme-y += kmod/nvme/prp.o
kvmem_nvme-y += kmod/nvme/queue.o
kvmem_nvme-y += kmod/nvme/recover.o
kvmem_nvme-y += kmod/nvme/sysfs.o
