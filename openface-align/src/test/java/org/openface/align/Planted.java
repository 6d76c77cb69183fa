package org.openface.align;

import org.bytedeco.opencv.opencv_core.Mat;
import org.junit.jupiter.api.Test;

/** Classes that each break one rule of {@link ArchitectureTest}, which is to notice. */
@SuppressWarnings("unused")
final class Planted {
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
}
