#!/usr/bin/env bats
# Gatun's trees must equal those of the built-in overlayfs snapshotter.
load helpers
load trees

@test "unpacks what overlayfs unpacks on ext4" {
  compare_with_overlayfs ext4 overlay
}

@test "unpacks what overlayfs unpacks on xfs" {
  compare_with_overlayfs xfs overlay
}

@test "unpacks what overlayfs unpacks on btrfs" {
  compare_with_overlayfs btrfs overlay
}

@test "unpacks the same with the native driver on ext4" {
  compare_with_overlayfs ext4 native
}

@test "unpacks the same with the native driver on xfs" {
  compare_with_overlayfs xfs native
}

@test "unpacks the same with the native driver on btrfs" {
  compare_with_overlayfs btrfs native
}
