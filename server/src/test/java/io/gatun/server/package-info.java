/** Tests of the process edge, over real sockets and without a disk. */
@NullMarked
package io.gatun.server;

import org.jspecify.annotations.NullMarked;
