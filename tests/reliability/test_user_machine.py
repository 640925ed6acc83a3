"""Any commands in any order, with everything going wrong: never paid twice, never lost."""

from __future__ import annotations

from tests.reliability.user_machine import UserMachine, sized

TestUserMachine = UserMachine.TestCase
TestUserMachine.settings = sized(examples=15, steps=12)
