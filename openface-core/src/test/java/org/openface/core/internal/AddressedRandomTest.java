package org.openface.core.internal;

import static com.google.common.primitives.Ints.asList;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AddressedRandomTest {
    @Test
    void theSameAddressGivesTheSameNumbersAndOthersOthers() {
        Set<Long> first = new HashSet<>();
        for (long a = -3; a < 30; a++) {
            for (long b = -3; b < 30; b++) {
                long number = AddressedRandom.at(a, b).nextLong();
                assertThat(AddressedRandom.at(a, b).nextLong()).isEqualTo(number);
                assertThat(first.add(number)).isTrue();
            }
            assertThat(first.add(AddressedRandom.at(a).nextLong())).isTrue();
        }
    }

    @Test
    void isSplitMix64() {
        AddressedRandom random = AddressedRandom.at();
        SplittableRandom reference = new SplittableRandom(0);
        for (int i = 0; i < 100; i++) {
            assertThat(random.nextLong()).isEqualTo(reference.nextLong());
        }
    }

    /** A change here changes every split and every batch of those who upgrade. */
    @Test
    void isFrozen() {
        assertThat(AddressedRandom.at(2, 1, 0).nextLong()).isEqualTo(-2662252799188673959L);
        assertThat(AddressedRandom.at(2).distinct(5, 100)).containsExactly(9, 64, 54, 38, 49);
        assertThat(AddressedRandom.hash("José")).isEqualTo(-4246333771838138017L);
    }

    @Test
    void numbersAreUniform() {
        AddressedRandom random = AddressedRandom.at(7);
        int[] counts = new int[6];
        double sum = 0;
        for (int i = 0; i < 60_000; i++) {
            counts[random.nextInt(6)]++;
            double number = random.nextDouble();
            assertThat(number).isBetween(0.0, Math.nextDown(1.0));
            sum += number;
        }
        // Standard deviation of a count: sqrt(60000 * 1/6 * 5/6) = 91; of the mean: 0.289 / sqrt(60000) = 0.0012.
        assertThat(asList(counts)).allSatisfy(count -> assertThat(count).isCloseTo(10_000, within(400)));
        assertThat(sum / 60_000).isCloseTo(0.5, within(0.005));
        // A bound near the top, where a plain product would favour some numbers.
        int large = 3 << 29;
        long low = IntStream.range(0, 30_000)
                .filter(i -> random.nextInt(large) < large / 3)
                .count();
        assertThat(low).isCloseTo(10_000, within(330L));
        assertThatIllegalArgumentException().isThrownBy(() -> random.nextInt(0));
    }

    @Test
    void distinctNumbersAreDistinctAndEverySequenceIsAsLikely() {
        AddressedRandom random = AddressedRandom.at(3);
        int[] counts = new int[24];
        for (int i = 0; i < 24_000; i++) {
            int[] drawn = random.distinct(3, 4); // 4 * 3 * 2 sequences
            assertThat(drawn).doesNotHaveDuplicates();
            int last = 6 - drawn[0] - drawn[1] - drawn[2];
            int rank = drawn[0] * 6
                    + (int) IntStream.of(drawn[1], drawn[2], last)
                                    .filter(x -> x < drawn[1])
                                    .count()
                            * 2
                    + (drawn[2] > last ? 1 : 0);
            counts[rank]++;
        }
        // Standard deviation 31.
        assertThat(asList(counts)).allSatisfy(count -> assertThat(count).isCloseTo(1000, within(140)));
        int[] all = random.distinct(50, 50);
        Arrays.sort(all);
        assertThat(all).isEqualTo(IntStream.range(0, 50).toArray());
        assertThat(random.distinct(0, 5)).isEmpty();
        assertThat(random.distinct(2, Integer.MAX_VALUE)).hasSize(2);
        assertThatIllegalArgumentException().isThrownBy(() -> random.distinct(6, 5));
    }
}
