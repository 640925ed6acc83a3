"""The only package that prints: answers, records, notes, progress, errors and questions.

stdout carries the answer and nothing else; everything for people goes to stderr. This package
knows no service, journal or setting: it is handed tasks, events and errors, and shows them.
"""
