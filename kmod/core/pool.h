/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_POOL_H
#define KVMEM_POOL_H

int kvmem_pool_init(void);
void kvmem_pool_exit(void);

#endif
