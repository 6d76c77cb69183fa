package org.openface.core.dataset;

import static java.util.Objects.requireNonNull;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * Names of files and folders as text that gives the path again. A Java runtime started in the POSIX locale decodes file
 * names as ASCII, which would make one name of all that differ in other letters only; the URI of a path keeps the bytes.
 */
final class FileNames {
    /** Begins the stored form of a name that the runtime cannot make a path of; what follows is a part of a URI. */
    private static final char RAW = '\0';

    private FileNames() {}

    /** The name for people; empty for a path without one. */
    static String name(Path path) {
        Path fileName = path.getFileName();
        if (fileName == null) {
            return "";
        }
        String name = fileName.toString();
        return name.indexOf('\ufffd') < 0 ? name : decoded(segment(fileName));
    }

    /** The name in a form of which {@link #resolve} makes the path again, and {@link #name(String)} the name. */
    static String stored(Path path) {
        Path fileName = path.getFileName();
        String name = fileName == null ? "" : fileName.toString();
        return fileName == null || name.indexOf('\ufffd') < 0 ? name : RAW + segment(fileName);
    }

    /** The name for people of a stored name. */
    static String name(String stored) {
        return isRaw(stored) ? decoded(stored.substring(1)) : stored;
    }

    /** The file of a stored name in a folder. */
    static Path resolve(Path folder, String stored) {
        if (isRaw(stored)) {
            return byUri(folder, stored.substring(1));
        }
        try {
            return folder.resolve(stored);
        } catch (InvalidPathException e) {
            // A name from another runtime, of letters that this one's locale has not.
            StringBuilder segment = new StringBuilder();
            for (byte b : stored.getBytes(StandardCharsets.UTF_8)) {
                segment.append('%').append(HexFormat.of().toHexDigits(b));
            }
            return byUri(folder, segment.toString());
        }
    }

    private static Path byUri(Path folder, String segment) {
        String base = folder.toUri().toString();
        Path absolute = Path.of(URI.create((base.endsWith("/") ? base : base + "/") + segment));
        return folder.resolve(requireNonNull(absolute.getFileName()));
    }

    private static boolean isRaw(String stored) {
        return !stored.isEmpty() && stored.charAt(0) == RAW;
    }

    private static String segment(Path fileName) {
        String uri = fileName.toUri().getRawPath();
        return uri.substring(uri.lastIndexOf('/', uri.length() - 2) + 1).replace("/", "");
    }

    private static String decoded(String segment) {
        String name = URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
        return name.indexOf('\ufffd') < 0 ? name : segment;
    }
}
