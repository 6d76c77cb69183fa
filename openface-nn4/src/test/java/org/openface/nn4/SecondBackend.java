package org.openface.nn4;

import org.nd4j.common.io.Resource;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4jBackend;

/** Stands for another backend on the class path; never started. */
@SuppressWarnings("rawtypes") // as ND4J declares it
public final class SecondBackend extends Nd4jBackend {
    @Override
    public boolean allowsOrder() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int getPriority() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isAvailable() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean canRun() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Resource getConfigurationResource() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Class getNDArrayClass() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Environment getEnvironment() {
        throw new UnsupportedOperationException();
    }

    @Override
    public String buildInfo() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void logBackendInit() {
        throw new UnsupportedOperationException();
    }
}
