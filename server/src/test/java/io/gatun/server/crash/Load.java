package io.gatun.server.crash;

import io.gatun.snapshot.Kind;
import io.gatun.snapshot.SnapshotException;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;

/** Several concurrent clients, each with a thread and a connection, until they are stopped. */
final class Load {

  private final List<Thread> threads = new ArrayList<>();
  private final List<RemoteSnapshotter> connections = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private volatile boolean isStopping;
  private volatile boolean mayDaemonVanish;
  private final AtomicInteger steps = new AtomicInteger();

  private Load() {}

  /**
   * Starts clients.
   *
   * @param id distinguishes this load from all others on the root
   * @param clients the number of clients
   * @param ledger records their requests; they continue with the snapshots in it
   * @param mountPoints a directory for their mounts
   * @param layers the layers that the daemon unpacks for them
   */
  static Load start(
      String id,
      int clients,
      Path socket,
      EventLoopGroup loops,
      Ledger ledger,
      Path mountPoints,
      LayerPool layers,
      RandomGenerator random)
      throws IOException {
    Load load = new Load();
    List<Slot> slots = ledger.slots();
    Parents parents = new Parents();
    for (Slot slot : slots) {
      if (slot.current() instanceof State.Present present && present.kind() == Kind.COMMITTED) {
        parents.add(present.name(), present.parent());
      }
    }
    for (int i = 0; i < clients; i++) {
      List<Slot> adopted = new ArrayList<>();
      for (int j = i; j < slots.size(); j += clients) {
        adopted.add(slots.get(j));
      }
      RemoteSnapshotter connection = new RemoteSnapshotter(socket, loops);
      load.connections.add(connection);
      RandomGenerator own = new Random(random.nextLong());
      Path mountPoint = Files.createDirectories(mountPoints.resolve("client-" + i));
      Client client =
          new Client(
              "%s-%d".formatted(id, i),
              connection,
              ledger,
              parents,
              new LayerFiles(own, mountPoint),
              new Unpacking(connection.differ(), layers, own),
              own,
              adopted);
      load.threads.add(Thread.ofPlatform().name("client-" + i).unstarted(() -> load.run(client)));
    }
    load.threads.forEach(Thread::start);
    return load;
  }

  private void run(Client client) {
    try {
      while (!isStopping) {
        client.step();
        steps.incrementAndGet();
      }
    } catch (SnapshotException.Unavailable e) {
      if (!mayDaemonVanish) {
        fail(e);
      }
    } catch (IOException | RuntimeException | Error e) {
      fail(e);
    }
  }

  private synchronized void fail(Throwable failure) {
    failures.add(failure);
  }

  /** Waits until the clients have done this number of steps together, or one of them has failed. */
  void awaitSteps(int wanted) throws IOException {
    while (steps.get() < wanted && threads.stream().allMatch(Thread::isAlive)) {
      DaemonUnderTest.pause(1);
    }
  }

  /** Announces that the daemon is about to end. Clients continue until they notice. */
  void expectEnd() {
    mayDaemonVanish = true;
  }

  /**
   * Waits until all clients have stopped.
   *
   * @return the number of their steps
   * @throws AssertionError if a client got a wrong answer
   */
  int join() throws IOException {
    isStopping = true;
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while clients were working", e);
      }
    }
    connections.forEach(RemoteSnapshotter::close);
    synchronized (this) {
      if (!failures.isEmpty()) {
        AssertionError failure =
            new AssertionError(
                "%d of %d clients failed".formatted(failures.size(), threads.size()),
                failures.getFirst());
        failures.stream().skip(1).forEach(failure::addSuppressed);
        throw failure;
      }
      return steps.get();
    }
  }
}
