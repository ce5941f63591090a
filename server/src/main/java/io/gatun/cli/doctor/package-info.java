/**
 * The checks of {@code gatun doctor}: of the host, of containerd's configuration and of its differ.
 *
 * <p>A check reads and reports; it changes nothing. {@link CheckResult} is what it reports.
 */
@NullMarked
package io.gatun.cli.doctor;

import org.jspecify.annotations.NullMarked;
