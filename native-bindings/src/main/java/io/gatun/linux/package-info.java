/**
 * Calls to the C library and the kernel, and what every call needs: {@link io.gatun.linux.Fd},
 * {@link io.gatun.linux.LinuxPath} and {@link io.gatun.linux.Errno}. The calls themselves are in
 * {@code io.gatun.linux.file} and {@code io.gatun.linux.mount}.
 *
 * <p>Methods have the C names of the calls, and take and return enums, records, Fd and LinuxPath. A
 * call succeeds or throws an {@link io.gatun.linux.ErrnoException}; it is repeated after a signal
 * interrupts it.
 *
 * <p>Only this module may use {@code java.lang.foreign}, and no {@code MemorySegment} leaves it. It
 * uses only the JDK, keeps no state of its own, and does not log.
 */
@NullMarked
package io.gatun.linux;

import org.jspecify.annotations.NullMarked;
