"""The helpers of `zmq.utils`."""
