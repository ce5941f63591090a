/**
 * The command line: the daemon in the foreground, and what people ask it.
 *
 * <p>Commands that ask about snapshots are clients like any other, over the socket; they open no
 * root. Errors are one line on stderr and exit code 1, misuse is exit code 2, and nobody sees a
 * stack trace.
 */
@NullMarked
package io.gatun.cli;

import org.jspecify.annotations.NullMarked;
