package io.gatun.server.crash;

import io.gatun.proto.types.Descriptor;
import io.gatun.server.content.StandInContainerd;
import io.gatun.server.powercut.Commands;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.FileBlob;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.layer.LayerBlobs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;

/**
 * Layers in a content store for daemons to unpack, created with GNU tar, gzip and zstd from
 * directories with the expected content of the snapshots. All or every other blob has its file in
 * containerd's place; the others have to be sent.
 */
final class LayerPool implements AutoCloseable, LayerBlobs {

  private static final String NAMESPACE = "k8s.io";

  private static final int LAYERS = 24;
  private static final int FILLINGS_MAX = 6;

  /** An image has this many, so that a daemon may prefetch one. */
  private static final int IMAGE_LAYERS = 4;

  private static final double NEXT_SHARE = 0.5;

  /** One in this many takes long to unpack and to delete, so that crashes hit it. */
  private static final int LARGE_ONES = 8;

  private static final int LARGE_DIRECTORIES = 40;
  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";
  private static final String MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar";

  private final Path address;
  private final Path root;
  private final boolean haveAllFiles;
  private final StandInContainerd containerd;
  private final List<Layer> layers = new ArrayList<>();

  /** The index of the last choice. */
  private final AtomicInteger chosen = new AtomicInteger();

  /**
   * Creates the layers.
   *
   * @param directory an existing directory
   */
  LayerPool(Path directory, RandomGenerator random) throws IOException {
    this(directory, false, random);
  }

  /**
   * Creates the layers.
   *
   * @param directory an existing directory
   * @param haveAllFiles whether all blobs have their files in containerd's place
   */
  LayerPool(Path directory, boolean haveAllFiles, RandomGenerator random) throws IOException {
    this.address = directory.resolve("containerd.sock");
    this.root = directory.resolve("containerd");
    this.haveAllFiles = haveAllFiles;
    this.containerd = new StandInContainerd(address);
    Files.createDirectories(root.resolve(BLOBS));
    for (int i = 0; i < LAYERS; i++) {
      Path tree = Files.createDirectory(directory.resolve("layer-" + i));
      LayerFiles files = new LayerFiles(random, tree);
      for (int filling = random.nextInt(FILLINGS_MAX); filling >= 0; filling--) {
        files.fill(tree);
      }
      for (int large = i % LARGE_ONES == 0 ? LARGE_DIRECTORIES : 0; large > 0; large--) {
        files.fill(Files.createDirectory(tree.resolve("large-" + large)));
      }
      layers.add(add(tree, i));
    }
    for (int i = 0; i < LAYERS; i += IMAGE_LAYERS) {
      addImage(layers.subList(i, i + IMAGE_LAYERS));
    }
  }

  private void addImage(List<Layer> image) {
    String[] digests =
        image.stream().map(each -> each.descriptor().getDigest()).toArray(String[]::new);
    containerd.putManifest(NAMESPACE, "sha256:manifest of " + digests[0], digests);
  }

  private Layer add(Path tree, int number) throws IOException {
    Path tar = tree.resolveSibling("layer-%d.tar".formatted(number));
    Commands.run(
        "tar",
        "--create",
        "--format=posix",
        "--numeric-owner",
        "--file=" + tar,
        "--directory=" + tree,
        ".");
    String diffId = digest(tar);
    Path blob =
        switch (number % 3) {
          case 0 -> tar;
          case 1 -> compressed(tar, "gzip", ".gz");
          default -> compressed(tar, "zstd", ".zst");
        };
    String digest = digest(blob);
    byte[] content = Files.readAllBytes(blob);
    containerd.put(NAMESPACE, digest, content);
    if (haveAllFiles || number % 2 == 0) {
      Files.move(blob, root.resolve(BLOBS).resolve(digest.substring("sha256:".length())));
    }
    Descriptor descriptor =
        Descriptor.newBuilder()
            .setMediaType(MEDIA_TYPE)
            .setDigest(digest)
            .setSize(content.length)
            .build();
    return new Layer(descriptor, diffId, TreeDigest.of(tree));
  }

  private static Path compressed(Path tar, String program, String suffix) throws IOException {
    Commands.run(program, "--quiet", "--keep", tar.toString());
    return Path.of(tar + suffix);
  }

  private static String digest(Path file) throws IOException {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
      return "sha256:" + HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has it", e);
    }
  }

  /** {@return lines for the configuration file of a daemon that unpacks them} */
  String configuration() {
    return """
        containerd_address = "%s"
        containerd_root = "%s"
        """
        .formatted(address, root);
  }

  @Override
  public Optional<LayerBlob> open(Digest digest) {
    Path file = root.resolve(BLOBS).resolve(digest.hex());
    try {
      return Files.exists(file)
          ? Optional.of(FileBlob.open(file, digest, OptionalLong.of(Files.size(file)), false))
          : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** {@return one of the layers, sometimes the successor of the last one} */
  Layer choose(RandomGenerator random) {
    int any = random.nextInt(layers.size());
    boolean isNext = random.nextDouble() < NEXT_SHARE;
    return layers.get(chosen.updateAndGet(before -> isNext ? (before + 1) % layers.size() : any));
  }

  @Override
  public void close() {
    containerd.close();
  }
}
