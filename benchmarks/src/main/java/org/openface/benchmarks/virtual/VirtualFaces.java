package org.openface.benchmarks.virtual;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A read-only file system whose root has the folders {@code p00000000}, {@code p00000001} ... with the files {@code 0000.png},
 * {@code 0001.png} ... each; their contents are a few pictures in turn. It answers what an index asks, without a disk: what
 * remains is the index's own work. One file can be said to have been changed.
 */
public final class VirtualFaces extends FileSystem {
    private static final FileTime TIME = FileTime.fromMillis(1_500_000_000_000L);

    private final int people;
    private final int facesEach;
    private final List<byte[]> pictures;
    private final Provider provider = new Provider();
    private volatile String changed = "";

    /** A file system of so many faces. */
    public VirtualFaces(int people, int facesEach, List<byte[]> pictures) {
        this.people = people;
        this.facesEach = facesEach;
        this.pictures = List.copyOf(pictures);
    }

    /** The folder of people's folders. */
    public Path root() {
        return new VirtualPath(this, List.of());
    }

    /** Lets a file have another time and content. */
    public void change(int person, int face) {
        changed = person(person) + "/" + face(face);
    }

    private static String person(int number) {
        return String.format(Locale.ROOT, "p%08d", number);
    }

    private static String face(int number) {
        return String.format(Locale.ROOT, "%04d.png", number);
    }

    private byte[] content(VirtualPath file) {
        int at = Math.floorMod(file.name(0).hashCode() * 31 + file.name(1).hashCode(), pictures.size());
        return pictures.get(file.toString().equals(changed) ? (at + 1) % pictures.size() : at);
    }

    private boolean exists(VirtualPath path) {
        return switch (path.getNameCount()) {
            case 0 -> true;
            case 1 -> number(path.name(0), 1, 9) < people;
            case 2 -> number(path.name(0), 1, 9) < people
                    && path.name(1).endsWith(".png")
                    && number(path.name(1), 0, 4) < facesEach;
            default -> false;
        };
    }

    private static int number(String name, int from, int to) {
        try {
            return name.length() >= to ? Integer.parseInt(name, from, to, 10) : Integer.MAX_VALUE;
        } catch (NumberFormatException e) {
            return Integer.MAX_VALUE;
        }
    }

    private record Attributes(boolean isDirectory, long size, FileTime lastModifiedTime)
            implements BasicFileAttributes {
        @Override
        public FileTime lastAccessTime() {
            return lastModifiedTime;
        }

        @Override
        public FileTime creationTime() {
            return lastModifiedTime;
        }

        @Override
        public boolean isRegularFile() {
            return !isDirectory;
        }

        @Override
        public boolean isSymbolicLink() {
            return false;
        }

        @Override
        public boolean isOther() {
            return false;
        }

        @Override
        public @Nullable Object fileKey() {
            return null;
        }
    }

    private final class Provider extends FileSystemProvider {
        @Override
        public String getScheme() {
            return "virtual";
        }

        @Override
        public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileSystem getFileSystem(URI uri) {
            return VirtualFaces.this;
        }

        @Override
        public Path getPath(URI uri) {
            throw new UnsupportedOperationException();
        }

        @Override
        public InputStream newInputStream(Path path, OpenOption... options) throws IOException {
            return new ByteArrayInputStream(content(existing(path)));
        }

        @Override
        public SeekableByteChannel newByteChannel(
                Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
            return new ReadOnlyBytes(content(existing(path)));
        }

        @Override
        public DirectoryStream<Path> newDirectoryStream(Path folder, DirectoryStream.Filter<? super Path> filter)
                throws IOException {
            VirtualPath path = existing(folder);
            boolean root = path.getNameCount() == 0;
            IntFunction<String> names = root ? VirtualFaces::person : VirtualFaces::face;
            return new DirectoryStream<>() {
                @Override
                public Iterator<Path> iterator() {
                    return IntStream.range(0, root ? people : facesEach)
                            .mapToObj(i -> path.resolve(names.apply(i)))
                            .iterator();
                }

                @Override
                public void close() {}
            };
        }

        private VirtualPath existing(Path path) throws IOException {
            if (path instanceof VirtualPath virtual && exists(virtual)) {
                return virtual;
            }
            throw new NoSuchFileException(path.toString());
        }

        @Override
        public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
                throws IOException {
            VirtualPath file = existing(path);
            boolean folder = file.getNameCount() < 2;
            boolean isChanged = file.toString().equals(changed);
            return type.cast(new Attributes(
                    folder,
                    folder ? 0 : content(file).length,
                    isChanged ? FileTime.fromMillis(TIME.toMillis() + 1000) : TIME));
        }

        @Override
        public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options) {
            throw new UnsupportedOperationException();
        }

        @Override
        public <V extends FileAttributeView> @Nullable V getFileAttributeView(
                Path path, Class<V> type, LinkOption... options) {
            return null;
        }

        @Override
        public void checkAccess(Path path, AccessMode... modes) throws IOException {
            existing(path);
        }

        @Override
        public boolean isSameFile(Path one, Path other) {
            return one.equals(other);
        }

        @Override
        public boolean isHidden(Path path) {
            return false;
        }

        @Override
        public FileStore getFileStore(Path path) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void createDirectory(Path folder, FileAttribute<?>... attributes) {
            throw new ReadOnlyFileSystemException();
        }

        @Override
        public void delete(Path path) {
            throw new ReadOnlyFileSystemException();
        }

        @Override
        public void copy(Path source, Path target, CopyOption... options) {
            throw new ReadOnlyFileSystemException();
        }

        @Override
        public void move(Path source, Path target, CopyOption... options) {
            throw new ReadOnlyFileSystemException();
        }

        @Override
        public void setAttribute(Path path, String attribute, Object value, LinkOption... options) {
            throw new ReadOnlyFileSystemException();
        }
    }

    @Override
    public FileSystemProvider provider() {
        return provider;
    }

    @Override
    public void close() {}

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public boolean isReadOnly() {
        return true;
    }

    @Override
    public String getSeparator() {
        return "/";
    }

    @Override
    public Iterable<Path> getRootDirectories() {
        return List.of(root());
    }

    @Override
    public Iterable<FileStore> getFileStores() {
        return List.of();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
        return Set.of("basic");
    }

    @Override
    public Path getPath(String first, String... more) {
        return root().resolve(first);
    }

    @Override
    public PathMatcher getPathMatcher(String pattern) {
        throw new UnsupportedOperationException();
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
        throw new UnsupportedOperationException();
    }

    @Override
    public WatchService newWatchService() {
        throw new UnsupportedOperationException();
    }
}
