import numpy as np

from mlsd.lab_support.ad_click.product_layer import product_layer


def test_two_layers_hold_the_product_of_three_and_leave_the_rest_alone():
    x0 = np.array([2.0, 3.0, 5.0, 7.0])
    x = x0
    for place, other in ((0, 1), (2, 0)):
        weight, bias = product_layer(4, place, other)
        x = x0 * (weight @ x + bias) + x
    np.testing.assert_allclose(x, [6.0, 3.0, 30.0, 7.0])
