package org.openface.core.cleaning;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openface.core.dataset.DatasetSplitter;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/**
 * Decisions about a data set, from lists that somebody has looked at. It is carried out in a new folder or as a new data
 * set; the old one stays as it is.
 *
 * <p>Where rows about one image, or about it and its person, do not agree, removal goes before moving and moving before
 * keeping. An image that is moved to a person who is moved ends where that person does; one that is moved to a person who is
 * removed is removed.
 */
public final class CleaningPlan {
    private final FaceDataset dataset;
    private final BitSet removed = new BitSet();
    private final BitSet removedPeople = new BitSet();
    private final Map<Integer, Move> moves = new HashMap<>();
    private final Map<Integer, Move> movedPeople = new HashMap<>();

    /** @param place of the row, for messages */
    private record Move(String target, String place) {}

    private CleaningPlan(FaceDataset dataset) {
        this.dataset = dataset;
    }

    /**
     * A plan of decisions.
     *
     * @throws IllegalArgumentException if the data set lacks a person or an image, if an image or a person is to be moved to
     *     two others, or if people are moved in a circle
     */
    public static CleaningPlan of(FaceDataset dataset, List<Finding> findings) {
        CleaningPlan plan = new CleaningPlan(dataset);
        int number = 0;
        for (Finding finding : findings) {
            number++;
            plan.add("finding " + number, finding.decision(), finding.identity(), finding.image());
        }
        plan.checkCircles();
        return plan;
    }

    /**
     * Reads the lists that {@link CleaningReport#writeTo} wrote, as they are now.
     *
     * @param folder holds at least one of them
     * @param dataset which they are about
     * @throws IOException if a file cannot be read or, naming file and line, if a decision is none, the data set lacks a
     *     person or an image, or if an image or a person is to be moved to two others
     */
    public static CleaningPlan read(Path folder, FaceDataset dataset) throws IOException {
        CleaningPlan plan = new CleaningPlan(dataset);
        boolean any = false;
        for (ReviewList list : ReviewList.values()) {
            Path file = folder.resolve(list.fileName());
            if (Files.exists(file)) {
                any = true;
                ReviewFile.read(file, (place, decision, identity, image) -> {
                    try {
                        plan.add(place, decision, identity, image);
                    } catch (IllegalArgumentException e) {
                        throw new IOException(e.getMessage(), e);
                    }
                });
            }
        }
        if (!any) {
            throw new IOException(
                    folder + " holds none of the lists of a review, such as " + ReviewList.DUPLICATES.fileName());
        }
        try {
            plan.checkCircles();
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        }
        return plan;
    }

    private void add(String place, Decision decision, String identity, String image) {
        int person = Collections.binarySearch(dataset.identities(), identity);
        checkArgument(person >= 0, "%s: there is no person \"%s\" in the data set", place, identity);
        int face = image.isEmpty() ? -1 : face(place, person, image);
        switch (decision.action()) {
            case KEEP -> {}
            case REMOVE -> {
                if (image.isEmpty()) {
                    removedPeople.set(person);
                } else {
                    removed.set(face);
                }
            }
            case MOVE -> {
                Map<Integer, Move> of = image.isEmpty() ? movedPeople : moves;
                Move move = new Move(decision.target(), place);
                Move other = of.putIfAbsent(image.isEmpty() ? person : face, move);
                checkArgument(
                        other == null || other.target().equals(move.target()),
                        "%s: %s is to be moved to \"%s\", and in %s to \"%s\"; leave one",
                        place,
                        image.isEmpty() ? identity : identity + "/" + image,
                        move.target(),
                        other == null ? "" : other.place(),
                        other == null ? "" : other.target());
            }
        }
    }

    /** The number of a face in the data set. */
    private int face(String place, int person, String image) {
        List<Face> faces = dataset.faces(person);
        int from = 0;
        int to = faces.size();
        while (from < to) { // the first whose name is not less
            int middle = (from + to) >>> 1;
            if (faces.get(middle).fileName().compareTo(image) < 0) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        String name = dataset.identities().get(person);
        checkArgument(
                from < faces.size() && faces.get(from).fileName().equals(image),
                "%s: %s has no image \"%s\" in the data set",
                place,
                name,
                image);
        checkArgument(
                from + 1 == faces.size() || !faces.get(from + 1).fileName().equals(image),
                "%s: %s has two images \"%s\" in different folders; give them different names",
                place,
                name,
                image);
        return firstFace(person) + from;
    }

    private int firstFace(int person) {
        int from = 0;
        int to = dataset.size();
        while (from < to) {
            int middle = (from + to) >>> 1;
            if (dataset.identityOf(middle) < person) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        return from;
    }

    private void checkCircles() {
        for (Map.Entry<Integer, Move> move : movedPeople.entrySet()) {
            Set<Integer> passed = new HashSet<>();
            for (int at = move.getKey(); at >= 0 && movedPeople.containsKey(at); ) {
                checkArgument(
                        passed.add(at),
                        "%s: people are moved in a circle, of which %s is one",
                        move.getValue().place(),
                        dataset.identities().get(at));
                at = Collections.binarySearch(
                        dataset.identities(), movedPeople.get(at).target());
            }
        }
    }

    /** Who a face is after all, or null if it goes. */
    @Nullable
    String identity(int face) {
        if (removed.get(face)) {
            return null;
        }
        int person = dataset.identityOf(face);
        if (removedPeople.get(person)) {
            return null;
        }
        Move move = moves.get(face);
        return destination(move == null ? dataset.identities().get(person) : move.target());
    }

    private @Nullable String destination(String name) {
        String at = name;
        while (true) {
            int person = Collections.binarySearch(dataset.identities(), at);
            if (person < 0) {
                return at;
            }
            if (removedPeople.get(person)) {
                return null;
            }
            Move move = movedPeople.get(person);
            if (move == null) {
                return at;
            }
            at = move.target();
        }
    }

    FaceDataset dataset() {
        return dataset;
    }

    /** How many images are left out. */
    public int removedImages() {
        int count = 0;
        for (int i = 0; i < dataset.size(); i++) {
            count += identity(i) == null ? 1 : 0;
        }
        return count;
    }

    /** How many images get another name. */
    public int movedImages() {
        int count = 0;
        for (int i = 0; i < dataset.size(); i++) {
            String identity = identity(i);
            count += identity != null && !identity.equals(dataset.identities().get(dataset.identityOf(i))) ? 1 : 0;
        }
        return count;
    }

    /**
     * The data set without what is removed, under the names decided, with its files where they are.
     *
     * @throws IllegalArgumentException if nothing is left
     */
    public FaceDataset apply() {
        if (movedImages() == 0) { // as columns still: a million faces need not become objects
            BitSet removed = new BitSet();
            for (int i = 0; i < dataset.size(); i++) {
                removed.set(i, identity(i) == null);
            }
            checkArgument(removed.cardinality() < dataset.size(), "nothing is left of %s", dataset);
            return dataset.withoutFaces(removed);
        }
        List<Face> kept = new ArrayList<>();
        for (int i = 0; i < dataset.size(); i++) {
            String identity = identity(i);
            if (identity != null) {
                kept.add(named(dataset.faces().get(i), identity));
            }
        }
        checkArgument(!kept.isEmpty(), "nothing is left of %s", dataset);
        FaceDataset cleaned = FaceDataset.of(kept);
        return dataset.alignmentProfile().map(cleaned::withAlignmentProfile).orElse(cleaned);
    }

    private static Face named(Face face, String identity) {
        if (face.identity().equals(identity)) {
            return face;
        }
        Optional<Face.Content> content = face.content();
        return content.isPresent() ? Face.of(identity, face.file(), content.get()) : new Face(identity, face.file());
    }

    /** As {@link #writeTo(Path, DatasetSplitter.Placement)}, with hard links, or copies where there can be none. */
    public void writeTo(Path folder) throws IOException {
        writeTo(folder, DatasetSplitter.Placement.HARD_LINK);
    }

    /**
     * Writes the data set without what is removed, under the names decided, into a folder of its own. An image that is moved
     * to a person who has one of its name gets its former person's name in front. What is there already from the same plan
     * stays, so that a call that was killed is simply repeated.
     *
     * @param folder empty, missing, or left by the same plan; outside the data set's folder
     * @param placement how images are placed; those that are no files of their own are copied
     * @throws IOException if the folder holds other images, lies in the data set's folder, or cannot be written to
     */
    public void writeTo(Path folder, DatasetSplitter.Placement placement) throws IOException {
        new PlanWriter(this, folder, placement).write();
    }

    /** For messages: how much, and no names. */
    @Override
    public String toString() {
        return "CleaningPlan for " + dataset + ": " + removedImages() + " removed, " + movedImages() + " moved";
    }
}
