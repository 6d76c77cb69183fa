package org.openface.triplet.planted;

import java.util.List;
import org.openface.triplet.internal.Description;
import org.openface.triplet.internal.cuda.CudaFailure;

/** API that each lets out a type users cannot or must not name, for the test of the rule against it. */
public final class Exposes {
    private Exposes() {}

    interface Hidden {}

    /** By what comes back. */
    public interface Returned {
        /** Internal. */
        Description description();
    }

    /** By what is wanted. */
    public interface Wanted {
        /** Internal. */
        void take(Description description);
    }

    /** Within another type. */
    public interface Within {
        /** Of internal ones. */
        List<Description> descriptions();
    }

    /** By what is declared to be thrown. */
    public interface Thrown {
        /** Throws an internal one. */
        void fail() throws CudaFailure;
    }

    /** By a field. */
    public abstract static class Held {
        /** Internal. */
        protected @SuppressWarnings("unused") Description description;
    }

    /** By what is needed to make one. */
    public static final class Made {
        /** Of an internal one. */
        public Made(@SuppressWarnings("unused") Description description) {}
    }

    /** By what it is. */
    public static class Inherited extends HiddenParent {}

    private static class HiddenParent {}

    /** By a type of the package's own. */
    public interface Unnamed {
        /** Hidden. */
        Hidden hidden();
    }
}
