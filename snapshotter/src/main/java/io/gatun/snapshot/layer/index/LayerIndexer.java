package io.gatun.snapshot.layer.index;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerAttributes;
import io.gatun.snapshot.layer.entry.LayerConsumer;
import io.gatun.snapshot.layer.entry.LayerConsumer.LayerContent;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.Erofs;
import io.gatun.snapshot.layer.erofs.FileChunks;
import io.gatun.snapshot.layer.erofs.ImageFile;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.IndexImage;
import io.gatun.snapshot.layer.erofs.IndexTree;
import io.gatun.snapshot.layer.erofs.IndexXattr;
import io.gatun.snapshot.layer.erofs.Inodes;
import io.gatun.snapshot.layer.erofs.NameTree;
import io.gatun.snapshot.layer.erofs.NotIndexable;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.erofs.Placement;
import io.gatun.snapshot.layer.erofs.XattrSet;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarExtent;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.spill.PagedMemory;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Builds the index of one layer while its tar is read. {@link Erofs} describes the format.
 *
 * <p>All attributes but access times match those of the directory that {@code layer.extract}
 * writes, with these exceptions:
 *
 * <ul>
 *   <li>Whiteouts and implicit directories that inherit nothing have time 0. A directory has its
 *       creation time, which would make each index different.
 *   <li>Paths that become longer than the kernel's limit through links exist, and can be reached in
 *       several steps.
 *   <li>Device nodes also exist in a user namespace. Where they cannot be created, indexes cannot
 *       be mounted either.
 * </ul>
 *
 * <p>A layer that cannot be indexed is refused with the reason as soon as that is known; the caller
 * extracts it into a directory.
 *
 * <p>Not thread-safe.
 */
public final class LayerIndexer implements LayerConsumer, AutoCloseable {

  /** The default memory for the tree, enough for about 130,000 entries. */
  public static final long RESIDENT_BYTES = 16L << 20;

  private static final int IMPLICIT_MODE = 0755;
  private static final int PERMISSIONS = 0777;
  private static final int SET_GROUP_ID = 02000;
  private static final Timespec NO_TIME = new Timespec(0, 0);

  /**
   * The time that more than half of the entries share, if there is one, otherwise some time: one
   * pass of the Boyer-Moore majority vote.
   */
  private static final class FrequentTime {
    private Timespec candidate = NO_TIME;
    private long votes;

    void add(Timespec time) {
      if (votes == 0) {
        candidate = time;
      }
      votes += time.equals(candidate) ? 1 : -1;
    }
  }

  private final IndexForm form;
  private final LowerAttributes lowerAttributes;
  private final PagedMemory memory;
  private final IndexTree tree;
  private final Inodes inodes;
  private final DirectoryFinder directories;
  private final FileChunks chunks;
  private final FrequentTime times = new FrequentTime();
  private final InheritingDirectories inheriting;
  private IndexIdentity identity;
  private long tarBytes;

  /**
   * @param top attributes of the layer's root directory, which has no entry in any layer
   * @param spill takes the part of the tree that exceeds the memory
   * @param residentBytes memory for the tree
   */
  public LayerIndexer(
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Spill spill,
      long residentBytes)
      throws IOException {
    this(form, top, lowerAttributes, new PagedMemory(spill, residentBytes));
  }

  /**
   * @param memory closed with this
   */
  public LayerIndexer(
      IndexForm form, InheritedAttributes top, LowerAttributes lowerAttributes, PagedMemory memory)
      throws IOException {
    this.form = form;
    this.lowerAttributes = lowerAttributes;
    this.identity = new IndexIdentity(form, top);
    this.inheriting = new InheritingDirectories(top);
    this.memory = memory;
    try {
      this.tree = new IndexTree(memory);
      this.inodes = tree.inodes();
      this.directories = new DirectoryFinder(tree, form == IndexForm.OVERLAY, this::makeImplicit);
      this.chunks = new FileChunks(memory);
      setInherited(tree.top(), noXattrs(), top);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Adds one entry. After a failure, the indexer cannot be used any more.
   *
   * @throws NotIndexableException if an index cannot express it
   * @throws InvalidLayerException if it is invalid at its place
   */
  @Override
  public void entry(LayerEntry entry, LayerContent content) throws IOException {
    if (memory.isFull()) {
      throw new NotIndexableException(NotIndexable.ENTRIES, "the tree is too large");
    }
    int parent = directories.require(entry.path().directory());
    byte[] name = entry.path().name().bytes();
    switch (entry) {
      case LayerEntry.RegularFile file -> add(parent, name, file);
      case LayerEntry.Directory directory -> add(parent, name, directory);
      case LayerEntry.SymbolicLink link -> add(parent, name, link);
      case LayerEntry.HardLink link -> add(parent, name, link);
      case LayerEntry.Node node -> add(parent, name, node);
      case LayerEntry.Whiteout whiteout -> add(parent, name, whiteout);
      case LayerEntry.OpaqueDirectory _ -> {
        if (form == IndexForm.OVERLAY) {
          inodes.mark(parent, Inodes.OPAQUE);
        }
      }
    }
  }

  private void add(int parent, byte[] name, LayerEntry.RegularFile entry) throws IOException {
    int inode = create(parent, name, Inodes.REGULAR, entry.attributes());
    long sizeBytes = entry.sizeBytes();
    inodes.setSize(inode, sizeBytes);
    List<TarExtent> extents = entry.extents();
    long stored = TarExtent.totalLength(extents);
    long block = entry.contentOffset() >>> Erofs.BLOCK_SHIFT;
    requireAddress(entry.contentOffset() + stored);
    tarBytes = Math.max(tarBytes, entry.contentOffset() + stored);
    if (sizeBytes > stored) {
      chunks.store(inodes, inode, entry.path().whole(), sizeBytes, extents, block);
    } else {
      inodes.setContent(inode, (int) block);
      inodes.setExtent(inode, FileChunks.largestShift(sizeBytes));
    }
  }

  private static void requireAddress(long tarBytes) throws NotIndexableException {
    if (Erofs.blocks(tarBytes) > Erofs.BLOCKS_MAX) {
      throw new NotIndexableException(
          NotIndexable.TAR_SIZE, "the tar has at least %d bytes".formatted(tarBytes));
    }
  }

  private void add(int parent, byte[] name, LayerEntry.SymbolicLink entry) throws IOException {
    int inode = create(parent, name, Inodes.SYMBOLIC_LINK, entry.attributes());
    byte[] target = entry.target().bytes();
    int reference = memory.allocate(target.length);
    memory.put(PagedMemory.address(reference), target);
    inodes.setSize(inode, target.length);
    inodes.setContent(inode, reference);
  }

  private void add(int parent, byte[] name, LayerEntry.Node entry) throws IOException {
    int inode = create(parent, name, type(entry.type()), entry.attributes());
    inodes.setContent(inode, device(entry.major(), entry.minor()));
  }

  private static int type(NodeType type) {
    return switch (type) {
      case CHARACTER_DEVICE -> Inodes.CHARACTER_DEVICE;
      case BLOCK_DEVICE -> Inodes.BLOCK_DEVICE;
      case FIFO -> Inodes.FIFO;
      case REGULAR, DIRECTORY, SYMBOLIC_LINK, SOCKET, UNKNOWN ->
          throw new AssertionError("a layer has no node of type " + type);
    };
  }

  /** linux/kdev_t.h: new_encode_dev. */
  private static int device(int major, int minor) {
    return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  }

  private void add(int parent, byte[] name, LayerEntry.Directory entry) throws IOException {
    int existing = tree.find(parent, name);
    LayerAttributes attributes = entry.attributes();
    if (existing == 0 || !inodes.isDirectory(existing)) {
      boolean isHidingBelow = isWhiteout(existing);
      int directory = create(parent, name, Inodes.DIRECTORY, attributes);
      if (isHidingBelow) {
        inodes.mark(directory, Inodes.OPAQUE);
      }
      return;
    }
    XattrSet xattrs = XattrSet.of(Inodes.DIRECTORY, xattrs(existing));
    xattrs.setAll(attributes.xattrs());
    xattrs.changeMode(attributes.mode());
    inodes.unmark(existing, Inodes.IMPLICIT);
    set(existing, attributes, xattrs);
  }

  private void add(int parent, byte[] name, LayerEntry.HardLink entry) throws IOException {
    int target = target(entry);
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
      // Resolve again: the removed entry may have been on the path.
      target = target(entry);
    }
    int type = inodes.type(target);
    if (type == Inodes.DIRECTORY) {
      throw new InvalidLayerException(
          "%s is a hard link to a directory".formatted(entry.path().whole()));
    }
    requireLength(name);
    tree.enter(parent, name, target);
    LayerAttributes attributes = entry.attributes();
    XattrSet xattrs = XattrSet.of(type, xattrs(target));
    xattrs.changeOwner();
    xattrs.setAll(attributes.xattrs());
    if (type != Inodes.SYMBOLIC_LINK) {
      xattrs.changeMode(attributes.mode());
    }
    set(target, attributes, xattrs);
  }

  private int target(LayerEntry.HardLink entry) throws IOException {
    int directory = directories.find(entry.target().directory());
    int target = tree.find(directory, entry.target().name().bytes());
    if (target == 0) {
      throw new InvalidLayerException(
          "%s is a hard link to %s, which does not exist"
              .formatted(entry.path().whole(), entry.target().whole()));
    }
    return target;
  }

  private void add(int parent, byte[] name, LayerEntry.Whiteout entry) throws IOException {
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
    }
    if (form == IndexForm.BASE) {
      return;
    }
    requireLength(name);
    int inode = inodes.create(Inodes.CHARACTER_DEVICE);
    inodes.setOwner(inode, entry.uid(), entry.gid());
    setModified(inode, NO_TIME);
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), Inodes.CHARACTER_DEVICE, 0);
    inodes.setXattrs(inode, tree.xattrs().store(xattrs));
    tree.enter(parent, name, inode);
  }

  private boolean isWhiteout(int inode) throws IOException {
    return inode != 0 && form == IndexForm.OVERLAY && tree.isWhiteout(inode);
  }

  /** Creates an inode, replacing an existing entry of that name. */
  private int create(int parent, byte[] name, int type, LayerAttributes attributes)
      throws IOException {
    requireLength(name);
    if (tree.find(parent, name) != 0) {
      remove(parent, name);
    }
    int inode = inodes.create(type);
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), type, attributes.mode() & PERMISSIONS);
    xattrs.setAll(attributes.xattrs());
    if (type == Inodes.SYMBOLIC_LINK) {
      inodes.setPermissions(inode, PERMISSIONS);
    } else {
      xattrs.changeMode(attributes.mode());
    }
    set(inode, attributes, xattrs);
    tree.enter(parent, name, inode);
    return inode;
  }

  private void set(int inode, LayerAttributes attributes, XattrSet xattrs) throws IOException {
    if (inodes.type(inode) != Inodes.SYMBOLIC_LINK) {
      inodes.setPermissions(inode, attributes.mode());
    }
    inodes.setOwner(inode, attributes.uid(), attributes.gid());
    setModified(inode, attributes.modified());
    inodes.setXattrs(inode, tree.xattrs().store(xattrs));
  }

  /** Only times from the layer itself count for the most frequent time. */
  private void setModified(int inode, Timespec time) throws IOException {
    inodes.setModified(inode, time);
    times.add(time);
  }

  private void remove(int parent, byte[] name) throws IOException {
    tree.remove(parent, name);
    directories.forget();
  }

  private List<IndexXattr> xattrs(int inode) throws IOException {
    return tree.xattrs().load(inodes.xattrs(inode));
  }

  /**
   * Creates an implicit directory with the attributes that the kernel and the lower layers give it.
   */
  private int makeImplicit(int parent, byte[] name, boolean isInPlaceOfWhiteout)
      throws IOException {
    requireLength(name);
    int directory = inodes.create(Inodes.DIRECTORY);
    inodes.mark(directory, Inodes.IMPLICIT);
    tree.enter(parent, name, directory);
    boolean isGroupPassedOn = (inodes.mode(parent) & SET_GROUP_ID) != 0;
    int gid = isGroupPassedOn ? inodes.gid(parent) : 0;
    XattrSet xattrs = XattrSet.madeIn(xattrs(parent), Inodes.DIRECTORY, IMPLICIT_MODE);
    Optional<InheritedAttributes> inherited = Optional.empty();
    if (isInPlaceOfWhiteout) {
      inodes.mark(directory, Inodes.OPAQUE);
    } else {
      LinuxPath path = tree.path(directory);
      inherited = lowerAttributes.of(path);
      identity.add(path, inherited);
      inheriting.add(
          new InheritingDirectories.Directory(directory, gid), xattrs.isEmpty(), inherited);
    }
    if (inherited.isPresent()) {
      setInherited(directory, xattrs, inherited.get());
    } else {
      inodes.setPermissions(directory, IMPLICIT_MODE);
      inodes.setOwner(directory, 0, gid);
      inodes.setModified(directory, NO_TIME);
      inodes.setXattrs(directory, tree.xattrs().store(xattrs));
    }
    return directory;
  }

  private void setInherited(int directory, XattrSet xattrs, InheritedAttributes inherited)
      throws IOException {
    xattrs.changeMode(inherited.mode());
    xattrs.addAll(inherited.xattrs());
    inodes.setPermissions(directory, inherited.mode());
    inodes.setOwner(directory, inherited.uid(), inherited.gid());
    inodes.setModified(directory, inherited.modified());
    inodes.setXattrs(directory, tree.xattrs().store(xattrs));
  }

  /**
   * Sets the lower layers after all entries were added with {@link LowerAttributes#NOTHING} and
   * {@link InheritedAttributes#ofTop}.
   *
   * @param top attributes of the layer's root directory
   * @return whether the index is now as if the lower layers had been known from the start; if
   *     false, the indexer is unchanged and the index has to be built from the tar
   */
  public boolean inherit(InheritedAttributes top, LowerAttributes below) throws IOException {
    Optional<List<InheritingDirectories.Directory>> all = inheriting.all();
    if (all.isEmpty() || InheritingDirectories.isPassedOn(Optional.of(top))) {
      return false;
    }
    IndexIdentity changed = new IndexIdentity(form, top);
    List<Optional<InheritedAttributes>> found = new ArrayList<>();
    for (InheritingDirectories.Directory directory : all.get()) {
      LinuxPath path = tree.path(directory.inode());
      Optional<InheritedAttributes> inherited = below.of(path);
      if (InheritingDirectories.isPassedOn(inherited)) {
        return false;
      }
      changed.add(path, inherited);
      found.add(inherited);
    }
    identity = changed;
    setInherited(tree.top(), noXattrs(), top);
    for (int i = 0; i < found.size(); i++) {
      int directory = all.get().get(i).inode();
      if (found.get(i).isPresent() && inodes.isMarked(directory, Inodes.IMPLICIT)) {
        setInherited(directory, noXattrs(), found.get(i).get());
      }
    }
    return true;
  }

  private static XattrSet noXattrs() {
    return XattrSet.of(Inodes.DIRECTORY, List.of());
  }

  private static void requireLength(byte[] name) throws InvalidLayerException {
    if (name.length > NameTree.NAME_BYTES_MAX) {
      throw new InvalidLayerException(
          "a name has %d bytes, the limit is %d".formatted(name.length, NameTree.NAME_BYTES_MAX));
    }
  }

  /**
   * Writes the index after all entries were added, without a sync.
   *
   * @param file new and empty
   * @param diffId of the layer
   * @param layerBytes length of its tar, including anything after its end
   */
  public LayerIndex finish(Disk disk, Fd file, Digest diffId, long layerBytes) throws IOException {
    try (ImageFile image = new ImageFile(disk, file)) {
      return finish(image, identity.uuid(diffId), diffId, layerBytes);
    }
  }

  /**
   * Compares the index that {@link #finish} would write with an existing one.
   *
   * @param recorded attributes from the existing index, which this indexer used as well
   */
  public IndexComparison compare(
      IndexReader there, RecordedAttributes recorded, Digest diffId, long layerBytes)
      throws IOException {
    IndexComparison.Sink comparison = new IndexComparison.Sink(there);
    byte[] made = identity.uuid(diffId);
    byte[] uuid = recorded.uuid().orElse(made);
    try (ImageFile image = new ImageFile(comparison)) {
      var _ = finish(image, uuid, diffId, layerBytes);
    }
    return new IndexComparison(comparison.difference(), Arrays.equals(uuid, made));
  }

  private LayerIndex finish(ImageFile image, byte[] uuid, Digest diffId, long layerBytes)
      throws IOException {
    long padded = Erofs.blocks(Math.max(layerBytes, tarBytes)) << Erofs.BLOCK_SHIFT;
    requireAddress(padded);
    Placement placement = new Placement(tree, form, times.candidate);
    placement.run();
    new IndexImage(tree, chunks, placement, image).write(uuid, diffId, Erofs.blocks(padded));
    if (form == IndexForm.OVERLAY) {
      inheriting.writeTable(image, tree);
    }
    image.flush();
    return new LayerIndex(
        image.digest(),
        image.position(),
        placement.inodes() - 1,
        padded,
        memory.sizeBytes(),
        memory.isSpilled());
  }

  /** Frees the memory and the spill. */
  @Override
  public void close() {
    tree.close();
  }
}
