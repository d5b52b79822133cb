#!/bin/bash
# The drive's DMA is translated, and a page is gone for it as soon as it is unmapped: else the machine of
# "scripts/lane-gpu KERNEL iommu" would show nothing.
echo 1..1
result='not ok' found=''
for device in /sys/bus/pci/devices/*; do
	case $(cat "$device/class") in 0x0108*) ;; *) continue ;; esac
	found=$(cat "$device/iommu_group/type" 2>&1)
	[ "$found" != DMA ] || result=ok
done
echo "# ${found:-no drive}"
echo "$result 1 translated"
[ "$result" = ok ]
