/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_VERSION_H
#define KVMEM_VERSION_H

/* dkms.conf and the packaging read it from here. */
#define KVMEM_VERSION	"0.1.0"

#endif
