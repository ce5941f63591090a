/** Tests of the commands, run as a shell would run them. */
@NullMarked
package io.gatun.cli;

import org.jspecify.annotations.NullMarked;
