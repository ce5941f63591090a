/**
 * Disks that fail and machines that stop, for tests: {@link io.gatun.snapshot.fault.FaultyDisk}
 * fails effects one by one, {@link io.gatun.snapshot.fault.PageCache} knows which of them a power
 * cut would take back, and {@link io.gatun.snapshot.fault.Machine} runs the engine on them.
 */
@NullMarked
package io.gatun.snapshot.fault;

import org.jspecify.annotations.NullMarked;
