from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.delivery import BodyDelivery, Delivery
from codexd.fronts.openai import CHAT
from codexd.neutral.fault import fault
from tests.support.list_writer import ListWriter


class BodyDeliveryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.writer = ListWriter(dialect=CHAT)
        self.delivered = 0
        self.delivery = BodyDelivery(self.writer, lambda: b"{}", lambda: ("seed",), self.deliver)

    def deliver(self) -> None:
        self.delivered += 1

    def test_nothing_is_sent_before_the_end(self) -> None:
        self.delivery.start()
        self.delivery.forbid_waiting()
        self.assertEqual((self.writer.body, self.writer.ends, self.delivered), (None, 0, 0))
        self.assertFalse(self.delivery.opened)

    def test_the_body_and_the_ignored_fields_are_sent_at_the_end(self) -> None:
        self.delivery.finish()
        self.assertEqual((self.writer.body, self.writer.ignored, self.delivered), (b"{}", ("seed",), 1))

    def test_an_error_is_sent_in_place_of_the_body(self) -> None:
        self.delivery.refuse(fault("busy"))
        self.assertEqual((self.writer.error, self.writer.body), (CHAT.render_error(fault("busy")), None))
        self.assertEqual(self.delivered, 1)

    def test_a_body_that_cannot_be_rendered_is_not_reported_as_delivered(self) -> None:
        delivery = BodyDelivery(self.writer, lambda: 1 // 0, tuple, self.deliver)  # type: ignore[arg-type,return-value]
        self.assertRaises(ZeroDivisionError, delivery.finish)
        self.assertEqual((self.writer.ends, self.delivered), (0, 0))

    def test_aborting_breaks_the_connection_off(self) -> None:
        self.delivery.abort()
        self.assertTrue(self.writer.aborted)


class DeliveryTests(SynchronousTestCase):
    def test_the_end_is_delivered_at_once(self) -> None:
        for end in ("finish", "refuse"):
            delivered: list[str] = []
            delivery = Delivery(lambda delivered=delivered: delivered.append("delivered"))  # type: ignore[misc]
            for step in ("start", "forbid_waiting", "stop", "abort"):
                getattr(delivery, step)()
            self.assertEqual((delivered, delivery.opened), ([], False))
            getattr(delivery, end)(*((fault("busy"),) if end == "refuse" else ()))
            self.assertEqual(delivered, ["delivered"])
