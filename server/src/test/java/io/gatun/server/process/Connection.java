package io.gatun.server.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A connection to the daemon for arbitrary bytes. */
final class Connection implements AutoCloseable {

  private final SocketChannel channel;

  private Connection(SocketChannel channel) {
    this.channel = channel;
  }

  static Connection open(Path address) throws IOException {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(address));
    return new Connection(channel);
  }

  /** Sends bytes, or as many as the daemon takes before it closes the connection. */
  void send(byte[] bytes) {
    ByteBuffer left = ByteBuffer.wrap(bytes);
    try {
      while (left.hasRemaining()) {
        channel.write(left);
      }
    } catch (IOException e) {
      // Closed by the daemon, which is allowed.
    }
  }

  /**
   * {@return all that the daemon sends until it closes the connection, each byte as a character}
   *
   * @throws AssertionError if the daemon does not close it in time
   */
  String readToEnd(long secondsMax) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(secondsMax);
    channel.configureBlocking(false);
    try (Selector selector = Selector.open()) {
      channel.register(selector, SelectionKey.OP_READ);
      while (true) {
        long millisLeft = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (millisLeft <= 0) {
          throw new AssertionError("the daemon keeps the connection");
        }
        selector.select(millisLeft);
        selector.selectedKeys().clear();
        int count = readSome(buffer.clear());
        if (count < 0) {
          return all.toString(ISO_8859_1);
        }
        all.write(buffer.array(), 0, count);
      }
    }
  }

  private int readSome(ByteBuffer buffer) {
    try {
      return channel.read(buffer);
    } catch (IOException e) {
      // Reset, since the daemon did not read everything.
      return -1;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
