package org.openface.core.cleaning;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.openface.core.dataset.Face;
import org.openface.core.dataset.FaceDataset;

/** Two names of one person, and folders of two people. */
final class PeopleReview {
    /** Likeness from which two names are listed, and confusion from which the second is proposed to become the first. */
    private static final double ALIKE = 0.4;

    private static final double ONE_PERSON = 0.7;
    /** What a single image can say at most. */
    private static final double PERHAPS = 0.6;

    /** How many of the nearest others each person is compared with. */
    private static final int NEAREST = 5;

    private final FaceDataset dataset;
    private final FaceSpace space;
    private final int people;
    /** Numbers of the images of group g: members[start[g]] to members[start[g + 1] - 1]. */
    private final int[] start;

    private final int[] members;

    PeopleReview(FaceDataset dataset, FaceSpace space) {
        this.dataset = dataset;
        this.space = space;
        people = dataset.identities().size();
        start = new int[space.groupCount() + 1];
        for (int i = 0; i < space.size(); i++) {
            if (space.group(i) != FaceSpace.NONE) {
                start[space.group(i) + 1]++;
            }
        }
        for (int g = 0; g < space.groupCount(); g++) {
            start[g + 1] += start[g];
        }
        int[] next = start.clone();
        members = new int[start[space.groupCount()]];
        for (int i = 0; i < space.size(); i++) {
            if (space.group(i) != FaceSpace.NONE) {
                members[next[space.group(i)]++] = i;
            }
        }
    }

    /** Two groups, the one with more images first. */
    private record Two(int first, int second) {}

    /**
     * Lists pairs of people of which many images are nearer to the other (of two, none are; of one with two names, half), or
     * who are at most 0.6 times as far apart (squared) as people are from their nearest. The second remains where a network
     * has learnt to tell two names apart that are one person.
     *
     * @param united receives for each person who is proposed to become another, who that is
     */
    List<Finding> samePerson(int[] united, Parallel.Watch watch) throws IOException {
        int[][] nearest = new int[people][];
        Parallel.forEach(people, g -> nearest[g] = space.nearestGroups(g, 0, people, NEAREST), watch);
        double usual = usualDistance(nearest);
        List<List<Finding>> found = new ArrayList<>(Collections.nCopies(people, List.of()));
        Parallel.forEach(people, g -> found.set(g, samePerson(g, nearest, usual)), done -> {});
        List<Finding> findings = found.stream().flatMap(List::stream).toList();
        for (Finding finding : findings) {
            if (finding.decision().action() == Decision.Action.MOVE) {
                int from = Collections.binarySearch(dataset.identities(), finding.identity());
                united[from] = Collections.binarySearch(dataset.identities(), finding.other());
            }
        }
        return findings;
    }

    /** Of a person and all to whom that person's images would move. */
    private List<Finding> samePerson(int person, int[][] nearest, double usual) {
        List<Finding> findings = new ArrayList<>();
        if (space.count(person) == 0) {
            return findings;
        }
        boolean moved = false;
        for (int other : nearest[person]) {
            Two two = largerFirst(person, other);
            if (two.second() != person && contains(nearest[other], person)) {
                continue; // listed with the other
            }
            double confusion = confusion(person, other);
            double likeness = Math.max(confusion, closeness(person, other, usual));
            if (likeness >= ALIKE) {
                String name = dataset.identities().get(two.second());
                String otherName = dataset.identities().get(two.first());
                boolean one = two.second() == person && !moved && confusion >= ONE_PERSON && Decision.isName(otherName);
                moved |= one;
                findings.add(new Finding(
                        ReviewList.SAME_PERSON,
                        one ? Decision.moveTo(otherName) : Decision.KEEP,
                        likeness,
                        name,
                        "",
                        otherName,
                        confusedOf(person, other)));
            }
        }
        return findings;
    }

    /** The median of the squared distances of people to their nearest. */
    private double usualDistance(int[][] nearest) {
        double[] distances = new double[people];
        int count = 0;
        for (int g = 0; g < people; g++) {
            if (space.count(g) > 1 && nearest[g].length > 0) {
                distances[count++] = space.between(g, nearest[g][0]);
            }
        }
        Arrays.sort(distances, 0, count);
        return count == 0 ? 0 : distances[count / 2];
    }

    /** 1 where two are at one place, 0 where they are as far apart as is usual; single images have no place. */
    private double closeness(int first, int second, double usual) {
        return Math.min(space.count(first), space.count(second)) == 1 || usual <= 0
                ? 0
                : Math.max(0, Math.min(1, 1 - space.between(first, second) / usual));
    }

    /** Lists people who look like people of a test set, whose groups come after the data set's. */
    List<Finding> testPeople(List<String> names, Parallel.Watch watch) throws IOException {
        List<List<Finding>> found = new ArrayList<>(Collections.nCopies(people, List.of()));
        Parallel.forEach(
                people,
                person -> {
                    for (int other : space.nearestGroups(person, people, space.groupCount(), 1)) {
                        double confusion = space.count(person) == 0 ? 0 : confusion(person, other);
                        if (confusion >= ALIKE) {
                            found.set(
                                    person,
                                    List.of(new Finding(
                                            ReviewList.TEST_IDENTITIES,
                                            confusion >= ONE_PERSON ? Decision.REMOVE : Decision.KEEP,
                                            confusion,
                                            dataset.identities().get(person),
                                            "",
                                            names.get(other - people),
                                            "looks like a person of the test set: " + confusedOf(person, other))));
                        }
                    }
                },
                watch);
        return found.stream().flatMap(List::stream).toList();
    }

    private String confusedOf(int person, int other) {
        return String.format(
                Locale.ROOT,
                "of %d images %d are nearer to the other",
                space.count(person) + space.count(other),
                confused(person, other) + confused(other, person));
    }

    private static boolean contains(int[] groups, int group) {
        for (int g : groups) {
            if (g == group) {
                return true;
            }
        }
        return false;
    }

    private Two largerFirst(int a, int b) {
        int order = Integer.compare(space.count(a), space.count(b));
        return order > 0 || (order == 0 && a < b) ? new Two(a, b) : new Two(b, a);
    }

    /** How many images of the first are nearer to the second. */
    private int confused(int first, int second) {
        int confused = 0;
        for (int m = start[first]; m < start[first + 1]; m++) {
            confused += space.other(members[m], second) < space.own(members[m]) ? 1 : 0;
        }
        return confused;
    }

    /** 1 where half of the images of each are nearer to the other; the fewer images there are, the less. */
    private double confusion(int first, int second) {
        double share = (confused(first, second) / (double) space.count(first)
                        + confused(second, first) / (double) space.count(second))
                / 2;
        double confusion = Math.min(1, 2 * atLeast(share, space.count(first) + space.count(second)));
        return Math.min(space.count(first), space.count(second)) == 1 ? Math.min(PERHAPS, confusion) : confusion;
    }

    /** The lower end of Wilson's interval of one standard error for a share. */
    private static double atLeast(double p, double n) {
        double z = 1;
        return (p + z * z / (2 * n) - z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
    }

    /**
     * Lists the images of the smaller half of folders that fall into two.
     *
     * @param groups changed where a folder is taken for two people: its smaller half gets a group of its own
     * @param names of the groups, to which those of the new ones are added
     */
    List<Finding> twoPeople(int[] groups, List<String> names, Parallel.Watch watch) throws IOException {
        List<Finding> findings = new ArrayList<>();
        double usual = usualSpread();
        Halves[] halves = new Halves[people];
        Parallel.forEach(halves.length, g -> halves[g] = Halves.of(space, images(g), usual), watch);
        for (int g = 0; g < halves.length; g++) {
            Halves two = halves[g];
            if (two.score() < Halves.LISTED) {
                continue;
            }
            String second = freeName(dataset.identities().get(g));
            boolean apart = two.score() >= Halves.TWO_PEOPLE && Decision.isName(second);
            for (int image : two.smaller()) {
                Face face = dataset.faces().get(image);
                findings.add(new Finding(
                        ReviewList.TWO_PEOPLE,
                        apart ? Decision.moveTo(second) : Decision.KEEP,
                        two.score(),
                        face.identity(),
                        face.fileName(),
                        second,
                        String.format(
                                Locale.ROOT,
                                "one of %d images that lie apart from the %d others",
                                two.smaller().size(),
                                space.count(g) - two.smaller().size())));
                if (apart) {
                    groups[image] = names.size();
                }
            }
            if (apart) {
                names.add(second);
            }
        }
        return findings;
    }

    private int[] images(int group) {
        return Arrays.copyOfRange(members, start[group], start[group + 1]);
    }

    /** The median of people's {@link Halves#spread}. */
    private double usualSpread() {
        double[] spreads = new double[people];
        int count = 0;
        for (int g = 0; g < people; g++) {
            if (space.count(g) >= Halves.FEWEST) {
                spreads[count++] = Halves.spread(space, images(g));
            }
        }
        Arrays.sort(spreads, 0, count);
        return count == 0 ? 0 : spreads[count / 2];
    }

    private String freeName(String name) {
        int number = 2;
        while (Collections.binarySearch(dataset.identities(), name + "-" + number) >= 0) {
            number++;
        }
        return name + "-" + number;
    }
}
