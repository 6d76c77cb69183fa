package org.openface.align;

import java.util.List;
import org.bytedeco.opencv.opencv_core.Mat;
import org.junit.jupiter.api.Test;
import org.openface.align.internal.MemoryBudget;

/** Classes that each break one rule of {@link ArchitectureTest}, which is to notice. */
@SuppressWarnings("unused")
public final class Planted {
    private Planted() {}

    interface KnowsAnotherLibrary {
        Test test();
    }

    static final class Prints {
        void print() {
            System.out.println("printed");
        }
    }

    static final class Complains {
        void complain() {
            System.err.println("complained");
        }
    }

    /** Public, with OpenCV in what a method takes. */
    public interface Takes {
        /** Takes it. */
        void take(Mat image);
    }

    /** Public, with OpenCV in what a method returns. */
    public interface Gives {
        /** Gives it. */
        Mat give();
    }

    /** Public, with an internal type in what a method takes. */
    public interface TakesAnInternalType {
        /** Takes it. */
        void take(MemoryBudget internal);
    }

    /** Public, with an internal type in what a method gives. */
    public interface GivesAnInternalType {
        /** Gives it. */
        MemoryBudget give();
    }

    /** Public, with an internal type in a field. */
    public static final class HoldsAnInternalType {
        /** Nobody may see it. */
        public static final List<MemoryBudget> HELD = List.of();
    }
}
