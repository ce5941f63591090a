/** Tests of the commands, run as from a shell. */
@NullMarked
package io.gatun.cli;

import org.jspecify.annotations.NullMarked;
