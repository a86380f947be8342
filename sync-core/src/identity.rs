//! Who a device is: keys, certificates and the roster that holds them.
