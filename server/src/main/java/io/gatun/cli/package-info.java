/**
 * The command line: the daemon in the foreground, and the commands of operators.
 *
 * <p>Commands about snapshots are ordinary clients of the socket and do not open the root. An error
 * is one line on stderr and exit code 1, misuse is exit code 2; users never see a stack trace.
 */
@NullMarked
package io.gatun.cli;

import org.jspecify.annotations.NullMarked;
