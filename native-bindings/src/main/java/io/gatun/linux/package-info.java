/**
 * Linux as the product needs it: system calls, their constants and their structures.
 *
 * <p>There is one final class for each family of headers, such as {@link io.gatun.linux.Unistd} and
 * {@link io.gatun.linux.Mounts}; its methods have the names that C gives the calls, and take and
 * return enums, records, {@link io.gatun.linux.Fd} and {@link io.gatun.linux.LinuxPath}. A call
 * either succeeds or throws an {@link io.gatun.linux.ErrnoException}; it is repeated when a signal
 * interrupts it.
 *
 * <p>This is the only package that may use {@code java.lang.foreign}, and no {@code MemorySegment}
 * leaves it. It uses nothing but the JDK, keeps no state except what the kernel keeps, and does not
 * log.
 */
@NullMarked
package io.gatun.linux;

import org.jspecify.annotations.NullMarked;
